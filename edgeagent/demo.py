"""The parts of the demo: a broker that needs no set-up, the agent's settings, and the account.

Nothing here is a stand-in for the agent: it runs as ``edgeagent run`` does, in its own process.
"""

import json
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeagent.errors import LinkError
from edgeagent.sources.clip_facts import ClipFacts
from edgeagent.subscriber import Heard
from edgeagent.wire.reading import read

_BROKER = """\
id = 0
[router]
id = 0
max_connections = 16
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 65536
max_inflight_count = 100
dynamic_filters = true
"""


@contextmanager
def embedded_broker(folder: Path) -> Iterator[int]:
    """Run an MQTT 5 broker on 127.0.0.1 and a free port; yield the port.

    Args:
        folder: for its configuration file.

    Raises:
        LinkError: the extra ``demo`` is not installed.
    """
    try:
        from iotcore import Broker
    except ImportError:
        raise LinkError(
            "the embedded broker is not installed: pip install 'edgeagent[demo]', "
            "or name a broker of your own with --broker HOST"
        ) from None
    port = _free_port()
    config = folder / "broker.toml"
    config.write_text(_BROKER.format(port=port))
    with Broker(config_path=str(config)):
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def settings_text(camera: Mapping[str, object], host: str, port: int) -> str:
    """Return a settings file for the agent: one camera, both bundled models, no TLS."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in camera.items()]
    return "\n".join(
        [
            'device = "demo"',
            "[[camera]]",
            *lines,
            "[model]",
            'vector = "embed88-128"',
            "[mqtt]",
            f'host = "{host}"',
            f"port = {port}",
            "tls = false",
            "",
        ]
    )


@dataclass(slots=True)
class Account:
    """What arrived at the subscriber, and what it weighed."""

    packets_bytes: int = 0
    messages: int = 0
    events: Counter[str] = field(default_factory=Counter)
    counters: dict[str, int] = field(default_factory=dict)
    """The agent's own, from its last ``stat``."""

    def take(self, heard: Heard) -> Mapping[str, Any]:
        """Count one message and return what it says."""
        self.packets_bytes += heard.packet_bytes
        self.messages += 1
        message = read(heard.payload)
        if heard.topic.endswith("/stat"):
            self.counters = message["c"]
        elif "seq" in message:
            self.events[message["k"]] += 1
        return message

    def counted(self, what: str) -> int:
        """Return one of the agent's counters, over all cameras."""
        return sum(n for name, n in self.counters.items() if name.startswith(f"{what}_total"))


def line(message: Mapping[str, Any]) -> str:
    """Return one event in words, for a person who watches it arrive."""
    kind = str(message.get("k", ""))
    where = f"{kind:<8} {message.get('cam', ''):<8}"
    if motion := message.get("mot"):
        return f"{where} {_motion_words(motion)}"
    if "vec" in message:
        return f"{where} {_vector_words(message)}"
    if "cls" in message:
        return f"{where} {_thing_words(message)}"
    if kind == "count":
        return f"{where} {_count_words(message)}"
    return f"{where} {message.get('why') or ''}".rstrip()


def _motion_words(motion: Mapping[str, Any]) -> str:
    phase = motion.get("ph", "")
    return (
        f"{phase:<3} {motion['area'] * 100:4.1f} % of the frame, for {motion['dur']:.1f} s, "
        f"towards {motion['dir']} degrees"
    )


def _thing_words(message: Mapping[str, Any]) -> str:
    tracks = message.get("trk") or [[0, ""]] * len(message["cls"])
    told = [
        f"{phase} {name} #{number} {score:.2f}"
        for (name, score), (number, phase) in zip(message["cls"], tracks, strict=True)
    ]
    return f"{', '.join(told)}  ({message.get('inf', 0) / 10:.1f} ms on {message.get('eng')})"


def _vector_words(message: Mapping[str, Any]) -> str:
    track = message.get("trk", [[0, ""]])[0][0]
    return f"of #{track}, {len(message['vec'])} characters of base64"


def _count_words(message: Mapping[str, Any]) -> str:
    came = ", ".join(f"{n} {label}" for label, n in message.get("n", {}).items())
    return f"new in {message['per']:.0f} s: {came or 'none'}"


def summary(account: Account, facts: ClipFacts | None, seconds: float) -> str:
    """Return the closing account: what was sent, against what the video would have cost."""
    frames, moved = account.counted("frames"), account.counted("moved")
    share = f" ({100 * moved / frames:.0f} %)" if frames else ""
    told = ", ".join(f"{n} {kind}" for kind, n in account.events.most_common())
    rows = [
        f"frames seen        {frames:>13,}",
        f"  of them moved    {moved:>13,}{share}",
        f"  looked at        {account.counted('looks'):>13,}",
        f"events             {sum(account.events.values()):>13,}  {told}",
        f"on the wire        {account.packets_bytes:>13,} bytes in {account.messages} messages, "
        f"{account.packets_bytes * 8 / 1000 / max(seconds, 1):.1f} kbit/s",
    ]
    if late := account.counted("dropped"):
        rows.insert(
            1, f"  came too late    {late:>13,}  while the last was looked at: a busy machine"
        )
    if facts and account.packets_bytes:
        rows += _video_rows(facts, account.packets_bytes)
    return "\n".join(rows)


def _video_rows(facts: ClipFacts, sent_bytes: int) -> list[str]:
    size = f"{facts.width_px}x{facts.height_px}"
    return [
        f"the clip's {facts.codec:<8}{facts.encoded_bytes:>13,} bytes, "
        f"{facts.encoded_bytes / sent_bytes:,.0f} times as much",
        f"its raw frames     {facts.raw_bytes:>13,} bytes ({size} RGB), "
        f"{facts.raw_bytes / sent_bytes:,.0f} times as much",
    ]
