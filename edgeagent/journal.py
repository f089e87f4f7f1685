"""Log records for systemd's journal, each with fields to search by: device, camera, engine, error.

The protocol is systemd's own (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram a record. What is
not said by the record is left out.
"""

import logging
import os
import socket
import struct
from collections.abc import Mapping
from contextvars import ContextVar

from edgeagent import errors
from edgeagent.findings import Notice

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "edgeagent"
MAX_BYTES = 32768
"""Longest field. A datagram takes 208 kB; a record that is longer than this is cut, and says so."""

camera: ContextVar[str] = ContextVar("camera", default="")
"""The camera that this thread works for."""

_PRIORITIES = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}
"""Python's levels as syslog(3)'s."""
_ERRORS: Mapping[str, type[errors.EdgeagentError]] = {
    "camera_lost": errors.CameraError,
    "config_refused": errors.ConfigError,
    "detail_lost": errors.CameraError,
    "disk_full": errors.OutboxError,
    "engine_refused": errors.ModelError,
    "link_lost": errors.LinkError,
    "outbox_full": errors.OutboxError,
    "tpu_lost": errors.AcceleratorError,
}
"""Notices that tell of an error: its class, which says the cure."""


def is_journal(descriptor: int, told: str) -> bool:
    """Return whether what is written to ``descriptor`` goes to the journal.

    Args:
        descriptor: 2 for standard error.
        told: $JOURNAL_STREAM, device and inode of the stream that systemd gave (systemd.exec(5)).
    """
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return told == f"{found.st_dev}:{found.st_ino}"


def about(notice: Notice) -> dict[str, object]:
    """Return, for a record's ``extra``, what ``notice`` is about."""
    kind = f"{notice.part}_{notice.what}"
    told: dict[str, object] = {"notice": kind, "error": _ERRORS.get(kind)}
    if notice.part in ("camera", "detail"):
        told["camera"] = notice.name
    if notice.part in ("engine", "tpu"):
        told["engine"] = notice.name
    return told


class JournalHandler(logging.Handler):
    """Sends records to journald; never waits for it."""

    def __init__(self, address: str = SOCKET) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self.device = ""
        """The device's name, once it is known."""
        self.missed = 0
        """How many records journald had no room for since the last that it took."""
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            told = fields(record, self.format(record), self.device)
            if self.missed:
                told["EDGEAGENT_MISSED"] = str(self.missed)
            self._socket.sendto(encoded(told), self._address)
            self.missed = 0
        except OSError:
            # Full, or away: the agent has other things to do than to wait for its own log.
            self.missed += 1
        except Exception:  # noqa: BLE001  as every handler does: a record must not end its author
            self.handleError(record)

    def close(self) -> None:
        """See `logging.Handler.close`."""
        self._socket.close()
        super().close()


def fields(record: logging.LogRecord, message: str, device: str) -> dict[str, str]:
    """Return the journal's fields for ``record``; see systemd.journal-fields(7)."""
    error = _error(record)
    told = {
        "MESSAGE": message,
        "PRIORITY": str(_PRIORITIES.get(record.levelno, 6)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
        "LOGGER": record.name,
        "THREAD_NAME": record.threadName or "",
        "EDGEAGENT_DEVICE": device,
        "EDGEAGENT_CAMERA": _extra(record, "camera") or camera.get(),
        "EDGEAGENT_ENGINE": _extra(record, "engine"),
        "EDGEAGENT_NOTICE": _extra(record, "notice"),
        "EDGEAGENT_ERROR": error.__name__ if error else "",
        "EDGEAGENT_CURE": getattr(error, "cure", ""),
    }
    return {name: value for name, value in told.items() if value}


def _extra(record: logging.LogRecord, name: str) -> str:
    return str(getattr(record, name, "") or "")


def _error(record: logging.LogRecord) -> type[BaseException] | None:
    """Return the class of the error that ``record`` tells of, by whatever way it tells it."""
    told = getattr(record, "error", None)
    if isinstance(told, type):
        return told
    if record.exc_info and record.exc_info[0]:
        return record.exc_info[0]
    arguments = record.args if isinstance(record.args, tuple) else ()
    return next((type(one) for one in arguments if isinstance(one, BaseException)), None)


def encoded(told: Mapping[str, str]) -> bytes:
    """Return the datagram: ``NAME=value``, or with a length where the value has several lines."""
    return b"".join(_field(name.encode(), _bounded(value)) for name, value in told.items())


def _bounded(text: str) -> bytes:
    value = text.encode(errors="backslashreplace")
    if len(value) <= MAX_BYTES:
        return value
    return value[:MAX_BYTES] + f"... ({len(value) - MAX_BYTES} bytes more)".encode()


def _field(name: bytes, value: bytes) -> bytes:
    if b"\n" not in value:
        return name + b"=" + value + b"\n"
    return name + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
