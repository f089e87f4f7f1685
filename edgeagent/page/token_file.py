"""The token that opens the page: made once, kept in a file that only the agent can read."""

import hmac
import os
import secrets
from pathlib import Path

from edgeagent import credentials
from edgeagent.atomic import sync_folder
from edgeagent.errors import CredentialError

NAME = "page-token"
"""File in the state folder."""
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""None that is taken for another when it is read from a screen and typed on a phone."""
GROUPS, GROUP = 5, 4
"""20 letters of 31: 99 bits, which nobody guesses at a few tries a minute."""
LEAST = 16
"""Letters that a token of the owner's own has at least."""


def path_of(reference: str, state: Path) -> Path:
    """Return the file that ``page.token_file`` names; empty: the one in the folder ``state``.

    Raises:
        CredentialError: it names a systemd credential, and this process was given none.
    """
    return credentials.path_of(reference) if reference else state / NAME


def ensure_token(reference: str, state: Path) -> "Token":
    """Return the token, made first where the settings name no file and there is none yet.

    Raises:
        CredentialError: the file is missing, empty, short, or open to everybody.
        OSError: it cannot be made.
    """
    path = path_of(reference, state)
    if not reference and not path.exists():
        _write_private(path, new_token())
    return read_token(path)


def read_token(path: Path) -> "Token":
    """Return the token in ``path``.

    Raises:
        CredentialError: the file is missing, empty, short, or open to everybody.
    """
    return Token(read_token_text(path))


def read_token_text(path: Path) -> str:
    """Return the token itself, for the owner's eyes.

    Raises:
        CredentialError: see `read_token`.
    """
    text = credentials.read_secret(str(path)).reveal()
    if len(_plain(text)) < LEAST:
        what = f"a token of {len(_plain(text))} letters is guessed too soon"
        raise CredentialError(f"{path}: {what}; write at least {LEAST} into its first line")
    return text


def new_token() -> str:
    """Return a new token, in groups that are easily typed."""
    letters = [secrets.choice(LETTERS) for _ in range(GROUPS * GROUP)]
    return "-".join("".join(letters[n : n + GROUP]) for n in range(0, len(letters), GROUP))


class Token:
    """What must be said to come in. Prints as stars."""

    def __init__(self, text: str) -> None:
        self._plain = _plain(text).encode()

    def is_said_by(self, tried: str) -> bool:
        """Return whether ``tried`` is the token; takes as long for a near miss as for a far one.

        Upper case, blanks and hyphens make no difference: phones put them in.
        """
        return hmac.compare_digest(_plain(tried).encode(), self._plain)

    def __repr__(self) -> str:
        return "Token('********')"


def _plain(text: str) -> str:
    return "".join(text.split()).replace("-", "").lower()


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
