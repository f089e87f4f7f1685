"""Passwords and keys: always from a file or systemd's credentials, never printed."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from edgeagent.errors import CredentialError

PREFIX = "credential:"
"""``credential:NAME`` is the file NAME in systemd's $CREDENTIALS_DIRECTORY."""

NAME_MAX = 200
"""Letters of a credential's name: with what systemd puts before it, a file's has 255 bytes."""

FOLDER_ID = "edgeagent_"
"""What systemd puts before the names of a folder's files: the unit loads the whole of
/etc/edgeagent/credentials under the ID ``edgeagent`` (LoadCredential= in systemd.exec(5))."""


class Secret:
    """A text that prints as stars."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one place that hands it on."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('********')"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self._text)


NO_SECRET = Secret("")


def path_of(reference: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file that ``reference`` (a path, or ``credential:NAME``) stands for.

    Raises:
        CredentialError: it names a systemd credential, and this process was given none.
    """
    if not reference.startswith(PREFIX):
        return Path(reference)
    folder = environment.get("CREDENTIALS_DIRECTORY")
    name = reference.removeprefix(PREFIX)
    if not folder or "/" in name or len(name) > NAME_MAX:
        raise CredentialError(
            f"{reference}: systemd gave this process no credential {name!r}; "
            "put the file into /etc/edgeagent/credentials, and start the service again"
        )
    ours = Path(folder) / (FOLDER_ID + name)
    return ours if ours.exists() else Path(folder) / name


def read_secret(reference: str) -> Secret:
    """Return the first line of the file behind ``reference``; an empty reference is no secret.

    Raises:
        CredentialError: the file is missing, unreadable, empty, or open to everybody.
    """
    if not reference:
        return NO_SECRET
    path = check_private(path_of(reference))
    try:
        text = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(f"{path}: cannot be read ({error}); mend the file") from error
    if not text:
        raise CredentialError(f"{path}: is empty; write the password into its first line")
    return Secret(text)


def check_private(path: Path) -> Path:
    """Return ``path`` if only its owner and group may read it.

    Raises:
        CredentialError: it is missing, or others may read it.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise CredentialError(
            f"{path}: {error.strerror}; give the path of a readable file"
        ) from error
    if mode & stat.S_IROTH:
        allowed = f"mode {stat.S_IMODE(mode):04o} lets everybody read it"
        raise CredentialError(f"{path}: {allowed}; chmod 0640 {path}")
    return path
