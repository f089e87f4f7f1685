"""Secrets come from files, and never print."""

from pathlib import Path

import pytest

from edgeagent.credentials import Secret, path_of, read_secret
from edgeagent.errors import CredentialError


def secret_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    file = tmp_path / "password"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_secret_is_the_files_text_without_its_newline(tmp_path: Path) -> None:
    assert read_secret(str(secret_file(tmp_path, "hunter2\n"))).reveal() == "hunter2"


def test_a_secret_prints_as_stars_wherever_it_lands() -> None:
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {[secret]} {secret:>20}"
    assert "hunter2" not in shown
    assert "********" in shown


def test_no_reference_is_no_secret() -> None:
    assert not read_secret("")


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [("x", 0o644, "chmod 0640"), ("\n", 0o600, "is empty; write the password")],
)
def test_a_file_that_will_not_do_says_what_to_do(
    text: str, mode: int, says: str, tmp_path: Path
) -> None:
    with pytest.raises(CredentialError, match=says):
        read_secret(str(secret_file(tmp_path, text, mode)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="none: No such file or directory; give the path"):
        read_secret(str(tmp_path / "none"))


def test_a_credential_without_systemd_says_where_its_file_belongs() -> None:
    with pytest.raises(CredentialError, match="no credential 'mqtt'; put the file into /etc"):
        path_of("credential:mqtt", {})


def test_a_credential_may_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="no credential"):
        path_of("credential:../shadow", {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_credential_is_found_by_name_alone_or_in_the_folder_the_unit_loads(
    tmp_path: Path,
) -> None:
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert path_of("credential:mqtt", given) == tmp_path / "mqtt"
    whole = tmp_path / "edgeagent_mqtt"
    whole.write_text("hunter2")
    assert path_of("credential:mqtt", given) == whole
