"""The dates of a certificate, good or not, as the openssl program made it."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgeagent.certificates import validities, validity

from .system.authority import FAR_OFF, LONG_AGO, Authority, missing


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    if missing():
        pytest.skip(missing())
    return Authority(tmp_path / "authority")


def test_the_dates_of_one_that_has_expired_are_read(authority: Authority) -> None:
    (dates,) = validities(authority.sign("old", dates=LONG_AGO))
    assert dates.begins == datetime(2020, 1, 1, tzinfo=UTC)
    assert dates.ends == datetime(2020, 2, 1, tzinfo=UTC)
    assert dates.days_left(datetime(2020, 1, 31, tzinfo=UTC)) == 1
    assert dates.days_left(datetime(2020, 2, 3, tzinfo=UTC)) == -2


def test_the_dates_beyond_2050_are_read_which_are_written_otherwise(authority: Authority) -> None:
    (dates,) = validities(authority.sign("young", dates=FAR_OFF))
    assert (dates.begins.year, dates.ends.year) == (2090, 2099)


def test_each_certificate_of_a_file_is_told(authority: Authority) -> None:
    both = authority.sign("old", dates=LONG_AGO)
    both.write_text(f"a word before\n{both.read_text()}{authority.ca.read_text()}")
    assert [dates.ends.year > 2020 for dates in validities(both)] == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB",
    ],
)
def test_what_is_no_certificate_is_a_value_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011 - binascii's own is one, too
        validities(path)


def test_a_certificate_cut_anywhere_is_a_value_error(authority: Authority) -> None:
    der = ssl.PEM_cert_to_DER_cert(authority.ca.read_text())
    for cut in range(200):
        with pytest.raises(ValueError, match="is no certificate"):
            validity(der[:cut])
