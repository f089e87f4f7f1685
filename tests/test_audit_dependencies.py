"""Pins held against advisories: real ones (their ids, ranges and fixes), and their odd corners."""

import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.releasing.audit import main
from scripts.releasing.osv import findings, read
from scripts.releasing.pins import Pin, pins_of

ADVISORIES = Path(__file__).parent / "advisories"
REAL = {one["id"]: one for one in read(ADVISORIES)}
RECURSION = "GHSA-8qvm-5x2c-j2w7"


def about(advisory: str, name: str, version: str) -> list[str]:
    return [one.advisory for one in findings(REAL[advisory], [Pin(name, version)])]


@pytest.mark.parametrize(
    ("advisory", "name", "bad", "good"),
    [
        ("PYSEC-2023-75", "tornado", ["0.2", "6.3.1", "6.3.2b1"], ["6.3.2", "6.6.1"]),
        ("PYSEC-2022-48", "protobuf", ["2.0.0beta", "3.15.0rc2"], ["3.15.0", "7.36.2"]),
        ("PYSEC-2023-184", "opencv-python-headless", ["4.8.0.76"], ["4.8.1.78", "4.11.0.86"]),
        (RECURSION, "protobuf", ["3.20", "5.29.4", "6.31.0"], ["4.25.8", "5.29.5", "6.31.1"]),
    ],
)
def test_real_advisories_are_about_the_versions_they_name(
    advisory: str, name: str, bad: list[str], good: list[str]
) -> None:
    assert [about(advisory, name, version) for version in bad] == [[advisory]] * len(bad)
    assert [about(advisory, name, version) for version in good] == [[]] * len(good)
    assert about(advisory, "numpy", bad[0]) == []


def made(events: list[dict[str, str]], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    affected = {
        "package": {"ecosystem": "PyPI", "name": "A_b.C"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    return {"id": "X-1", "affected": [affected], **more}


@pytest.mark.parametrize(
    ("events", "version", "is_affected"),
    [
        ([{"introduced": "0"}], "99", True),
        ([{"introduced": "1.2"}], "1.1", False),
        ([{"introduced": "0"}, {"last_affected": "1.5"}], "1.5", True),
        ([{"introduced": "0"}, {"last_affected": "1.5"}], "1.5.1", False),
        ([{"fixed": "2"}, {"introduced": "1"}], "1.9", True),
        ([{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}], "2.5", False),
        ([{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}], "3.1", True),
        ([{"introduced": "0"}, {"fixed": "no version"}], "3.1", True),
    ],
)
def test_the_last_event_before_a_version_decides(
    events: list[dict[str, str]], version: str, is_affected: bool
) -> None:
    found = list(findings(made(events), [Pin("a-b-c", version)]))
    assert bool(found) == is_affected
    assert list(findings(made(events, withdrawn="2024"), [Pin("a-b-c", version)])) == []


def test_another_ecosystems_package_of_the_name_is_another_package() -> None:
    other = json.loads(json.dumps(made([{"introduced": "0"}])).replace("PyPI", "npm"))
    assert list(findings(other, [Pin("a-b-c", "1")])) == []


def pinned(folder: Path, *lines: str) -> Path:
    file = folder / "pins.txt"
    file.write_text("".join(f"{line} \\\n    --hash=sha256:00\n" for line in lines))
    return file


def test_affected_pins_are_named_with_the_version_that_mends_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = pinned(tmp_path, "tornado==6.3", "protobuf[x]==5.28.2", "numpy==1.26.4")
    assert main(["--advisories", str(ADVISORIES), str(pins)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "protobuf 5.28.2: GHSA-8qvm-5x2c-j2w7 (CVE-2025-4565): the pure Python parser recurses "
        "without bound; mended in 4.25.8, 5.29.5, 6.31.1",
        "tornado 6.3: PYSEC-2023-75 (CVE-2023-28370): an open redirect; mended in 6.3.2",
        "3 pins, 4 advisories, the newest of 2025-06-16: 2 of them affected",
    ]


def test_an_export_is_read_as_it_comes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as export:
        for file in ADVISORIES.iterdir():
            export.write(file, file.name)
    pins = pinned(tmp_path, "tornado==6.3")
    assert main(["--advisories", str(tmp_path / "all.zip"), str(pins)]) == 1
    assert main(["--advisories", str(ADVISORIES / "PYSEC-2022-48.json"), str(pins)]) == 0
    assert "1 pins, 1 advisories, the newest of 2022-03-09: none" in capsys.readouterr().out


def test_what_a_device_gets_is_held_against_them_unless_said() -> None:
    assert main(["--advisories", str(ADVISORIES)]) == 0


@pytest.mark.parametrize("what", ["nothing", "empty", "another", "broken", "array", "service"])
def test_no_answer_is_never_taken_for_a_good_one(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "advisories"
    if what != "nothing":
        path.mkdir()
    if what == "another":
        (path / "a.json").write_text(
            '{"id": "X-1", "affected": [{"package": {"name": "left-pad"}}]}'
        )
    if what in ("broken", "array"):
        (path / "a.json").write_text('{"id": ' if what == "broken" else "[1]")
    asked = ["--ask", "http://127.0.0.1:9"] if what == "service" else ["--advisories", str(path)]
    assert main(asked) == 69
    told = capsys.readouterr()
    assert (told.out, "nobody can say" in told.err) == ("", True)


def test_a_file_that_pins_nothing_is_no_clean_one(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("tornado>=6\n")
    with pytest.raises(ValueError, match="pins nothing"):
        pins_of([tmp_path / "pins.txt"])


@contextmanager
def service(answers: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Play an OSV service that says ``answers`` by path; yield its address and what was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_GET()

        def do_GET(self) -> None:
            known = self.path in answers
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path, {})).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_service_is_asked_about_all_pins_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = pinned(tmp_path, "numpy==1.26.4", "protobuf==5.28.2")
    vulnerable = {"vulns": [{"id": RECURSION, "modified": "2025-06-16T00:00:00Z"}]}
    answers = {
        "/v1/querybatch": {"results": [{}, vulnerable]},
        f"/v1/vulns/{RECURSION}": REAL[RECURSION],
    }
    with service(answers) as (address, asked):
        assert main(["--ask", address, str(pins)]) == 1
    assert RECURSION in capsys.readouterr().out
    assert asked == [
        {
            "queries": [
                {"package": {"name": "numpy", "ecosystem": "PyPI"}, "version": "1.26.4"},
                {"package": {"name": "protobuf", "ecosystem": "PyPI"}, "version": "5.28.2"},
            ]
        }
    ]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/v1/querybatch": [1]},
        {"/v1/querybatch": {"results": []}},
        {"/v1/querybatch": {"results": [{"next_page_token": "x"}]}},
        {"/v1/querybatch": {"results": [{"vulns": [{"id": "GONE"}]}]}},
    ],
)
def test_a_service_that_answers_half_is_no_answer(tmp_path: Path, answers: dict[str, Any]) -> None:
    pins = pinned(tmp_path, "numpy==1.26.4")
    with service(answers) as (address, _):
        assert main(["--ask", address, str(pins)]) == 69
