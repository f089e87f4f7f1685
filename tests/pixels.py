"""Is there a picture in these bytes? Signatures of image files, and runs of a frame's pixels."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeagent.frame import Plane
from edgeagent.link import Payload
from edgeagent.link.memory import Sent

RUN = 8
"""So many bytes of a frame, one after the other, are a piece of it."""
VARIETY = 4
"""So many values must be among them: a run of one value, as flat walls and a grid's noughts are,
shows nothing."""
SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff[\xc0-\xfe]",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WebP, AVI": rb"RIFF....(WEBP|AVI )",
    "BMP": rb"BM....\x00\x00\x00\x00[\x1a-\xff]\x00\x00\x00",
    "TIFF": rb"II\*\x00|MM\x00\*",
    "HEIF, AVIF, MP4": rb"ftyp(avif|heic|heix|mif1|msf1|isom|mp4|qt  )",
    "JPEG 2000": rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51\x00",
    "JPEG XL": rb"\x00\x00\x00\x0cJXL \r\n\x87\n",
    # With the profile behind it: a grid of noughts may well hold the first four bytes.
    "H.264": rb"\x00\x00\x00\x01[\x27\x67][\x42\x4d\x58\x64\x6e\x7a\xf4]",
    "H.265": rb"\x00\x00\x00\x01\x40\x01\x0c",
    "Matroska": rb"\x1a\x45\xdf\xa3",
    "PNM": rb"P[1-7]\s+[0-9]+\s+[0-9]+\s",
}
_SIGNED = {name: re.compile(pattern, re.DOTALL) for name, pattern in SIGNATURES.items()}
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")

Windows = NDArray[np.uint64]
_BITS = 24


def blobs(sent: Sent) -> Iterator[bytes]:
    """Yield all that one message carries: payload, topic, attributes, and what base64 hides."""
    told = sent.payload
    yield bytes(told)
    yield sent.topic.encode()
    if isinstance(told, Payload):
        yield repr((told.content_type, told.attributes)).encode()
    for text in _BASE64.findall(bytes(told)):
        plain = text.translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            part = plain[start:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            yield base64.b64decode(part + b"=" * (-len(part) % 4))


def signatures(data: Iterable[bytes]) -> set[str]:
    """Return the kinds of image and film whose beginning is anywhere in ``data``."""
    return {name for one in data for name, pattern in _SIGNED.items() if pattern.search(one)}


def windows(data: bytes) -> Windows:
    """Return every `RUN` of bytes in ``data`` as a number, in any order."""
    begins = range(min(RUN, max(len(data) - RUN + 1, 0)))
    made = [np.frombuffer(data, "<u8", (len(data) - at) // RUN, at) for at in begins]
    return np.concatenate(made) if made else np.zeros(0, np.uint64)


def is_varied(window: int) -> bool:
    """Return whether a run has enough values to show anything."""
    return len(set(window.to_bytes(RUN, "little"))) >= VARIETY


@dataclass
class Searched:
    """What was said, to be looked for in one picture after the other."""

    said: Sequence[bytes]
    seen: int = 0
    """Runs of pixels that were compared."""
    found: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        told = [windows(one) for one in self.said]
        self.runs = np.unique(np.concatenate(told)) if told else np.zeros(0, np.uint64)
        self._known = np.zeros(1 << _BITS, bool)
        self._known[self._short(self.runs)] = True

    def look(self, view: Plane) -> None:
        """Compare all that was said with the bytes of one picture, in the order of memory."""
        runs = windows(np.ascontiguousarray(view).tobytes())
        self.seen += len(runs)
        maybe = runs[self._known[self._short(runs)]]
        hits = np.intersect1d(maybe, self.runs)
        self.found |= {int(hit) for hit in hits if is_varied(int(hit))}

    @property
    def chance(self) -> float:
        """How many hits are to be expected where bytes have nothing to do with each other."""
        return self.seen * len(self.runs) / 256.0**RUN

    @staticmethod
    def _short(runs: Windows) -> NDArray[np.int64]:
        mixed = runs * np.uint64(0x9E3779B97F4A7C15)
        return (mixed >> np.uint64(64 - _BITS)).astype(np.int64)
