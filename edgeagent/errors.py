"""Every error the agent raises on purpose, as one tree arranged by its cure.

* EdgeagentError                                                    exit 70
  - FileError         mend the file, do not retry                   exit 78
    + ConfigError       the configuration
    + CredentialError   a password, key or certificate file
  - ModelError        deploy the model bundle again                 exit 65
    + BundleError       the folder does not fit its own manifest
      > AgentTooOldError  it does, and wants a newer agent
    + RuntimeRefusedError   the interpreter would not take the model
  - RetryError        something outside may come back, retry        exit 69
    + CameraError       no picture
      > CameraSpentError  none in this process any more, start it anew
    + AcceleratorError  no Edge TPU, or it went away
    + LinkError         no broker
    + OutboxError       no room on the disk, or no right to write there
    + DownloadError     a file did not come, or was another one
    + ServingError      no model server, or it refuses
  - UsageError        the command was typed wrongly                 exit 64

The statuses are those of ``sysexits.h`` (EX_USAGE, EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE,
EX_CONFIG), so that systemd's ``RestartPreventExitStatus=78`` means what it says.
A message names what, where, the value, what is allowed, and what to do.
"""

from collections.abc import Sequence
from typing import Literal

DAMAGED = (OSError, ValueError, RecursionError)
"""What Python's readers, and msgspec's, raise over a file that cannot be read, or bytes that are
not what they should be; the last over a few thousand brackets."""


class EdgeagentError(Exception):
    """Base of every deliberate failure; ``exit_status`` tells systemd what to do next."""

    exit_status = 70
    cure = "report it"
    """In a few words, for who searches the log."""


class FileError(EdgeagentError):
    """A file the owner wrote is wrong; starting again without mending it changes nothing."""

    exit_status = 78
    cure = "mend the file"


class ConfigError(FileError, ValueError):
    """The configuration cannot be used; ``faults`` holds every fault found, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class CredentialError(FileError):
    """A file with a password, a key or a certificate is missing or unusable."""


class ModelError(EdgeagentError):
    """The model cannot be used; deploy the bundle again."""

    exit_status = 65
    cure = "deploy the model again"


class BundleError(ModelError, ValueError):
    """The bundle's files are not what its manifest says."""


class AgentTooOldError(BundleError):
    """The bundle says that it is for a newer agent than this one."""

    cure = "bring a newer release, or an older bundle"


class RuntimeRefusedError(ModelError):
    """The interpreter crashed on, or refused, a model whose files are as the manifest says."""


class RetryError(EdgeagentError):
    """Something outside the process failed and may come back by itself."""

    exit_status = 69
    cure = "it is tried again"


class CameraError(RetryError, OSError):
    """No frame could be taken within the source's own deadline."""


class CameraSpentError(CameraError):
    """The camera has failed too often for this process; only a new one may try again."""


Cause = Literal[
    "abort",
    "hang",
    "error",
    "no_device",
    "mismatch",
    "permission",
    "library",
    "disagreement",
    "closed",
]
"""Why an accelerator does not answer, in one word, for notices and for what to do about it.

``abort`` its process died of it, ``hang`` no answer before the deadline, ``error`` the interpreter
said it failed, ``no_device`` none is plugged in, ``mismatch`` the library and the interpreter are
not made for each other, ``permission`` the device may not be opened, ``library`` there is none or
it is something else, ``disagreement`` it answers otherwise than the CPU, ``closed`` by ourselves.
"""


class AcceleratorError(RetryError, OSError):
    """The Edge TPU is missing, refused the model, or stopped answering; ``cause`` says which."""

    def __init__(self, message: str, *, cause: Cause = "error") -> None:
        self.cause: Cause = cause
        super().__init__(message)


class LinkError(RetryError, ConnectionError):
    """The broker cannot be reached or will not have us."""


class OutboxError(RetryError, OSError):
    """The outbox cannot be opened or written."""


class DownloadError(RetryError, OSError):
    """A file could not be fetched, or what came is not what was asked for."""


class ServingError(RetryError, ConnectionError):
    """A model server does not answer, answers something else, or cannot listen."""


class UsageError(EdgeagentError, ValueError):
    """The command line asks for something that does not exist."""

    exit_status = 64
    cure = "ask otherwise"
