"""The settings file, and the secrets and certificates that it names."""

from collections.abc import Iterator
from pathlib import Path

from edgeagent.config import Config
from edgeagent.credentials import PREFIX, check_private, path_of, read_secret
from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.case import Case, Who
from edgeagent.errors import CredentialError, FileError
from edgeagent.settings import flat


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    yield Check("settings", lambda: _settings(case))
    if case.config is not None:
        config = case.config
        yield Check("secrets", lambda: _secrets(config, case.who))


def _settings(case: Case) -> Iterator[Line]:
    for text in case.faults:
        what, _, cure = text.partition("; ")
        yield fault("settings", what, *filter(None, [cure]), kind=FileError)
    if case.config is None:
        return
    names = ", ".join(camera.name for camera in case.config.camera)
    host = case.config.mqtt.host
    broker = f"broker {host}" if host else "no broker: all is kept in the outbox"
    if not names:
        cure = f"add a [[camera]] table to {case.file}; edgeagent check --sample shows one"
        yield fault("settings", f"{case.file} names no camera", cure, kind=FileError)
        return
    yield well("settings", f"{case.file}: camera {names}; {broker}")
    yield from _unreadable("settings", case.file, case.who)


def _secrets(config: Config, who: Who) -> Iterator[Line]:
    """Say which passwords and keys cannot be used; nothing of those that can, but how many."""
    named = [(path, value) for path, value in flat(config) if _is_secret(path) and value]
    bad = 0
    for path, reference in named:
        try:
            _use(path, reference)
        except CredentialError as error:
            bad += 1
            what, _, cure = str(error).partition("; ")
            yield fault("secrets", f"{path}: {what}", *filter(None, [cure]), kind=error)
            continue
        if not reference.startswith(PREFIX):  # those are handed over by systemd, who is root
            yield from _unreadable("secrets", path_of(reference), who)
    if named and not bad:
        yield well("secrets", f"{len(named)} there, readable for nobody else")


def _is_secret(path: str) -> bool:
    return path.endswith(("password_file", "key_file"))


def _use(path: str, reference: str) -> None:
    if path.endswith("key_file"):
        check_private(path_of(reference))
    else:
        read_secret(reference)


def _unreadable(name: str, path: Path, who: Who) -> Iterator[Line]:
    if not who.may(path.stat(), 0o4):
        cure = f"sudo chgrp {who.name} {path} && sudo chmod 0640 {path}"
        yield fault(name, f"{who.name} may not read {path}", cure, kind=FileError)


def unlooked(name: str) -> Line:
    """Return the line of what cannot be looked at before the settings are mended."""
    return warning(name, "not looked at: the settings must be right first")
