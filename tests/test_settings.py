"""The settings file: its faults, its defaults, and what a change means."""

import re
import tomllib
from pathlib import Path

import jsonschema
import msgspec
import pytest

from edgeagent import settings
from edgeagent.cli import check
from edgeagent.config import CameraConfig, Config
from edgeagent.errors import ConfigError
from edgeagent.setting import Reload

ROOT = Path(__file__).parent.parent

FIVE_FAULTS = """\
device = "pi 7"

[motion]
sensitivty = 2
min_cells = 0

[[camera]]
name = "door"
source = "synthetic"

[[camera]]
name = "door"
address = "rtsp://me:secret@camera/stream"
"""


def faults_of(text: str, tmp_path: Path) -> tuple[str, ...]:
    file = tmp_path / "edgeagent.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        settings.load(file)
    assert caught.value.exit_status == 78
    return tuple(fault.removeprefix(f"{file}:") for fault in caught.value.faults)


def test_every_fault_is_reported_at_once_with_its_line_and_cure(tmp_path: Path) -> None:
    assert faults_of(FIVE_FAULTS, tmp_path) == (
        "1: device: 'pi 7' is not a text like ^[A-Za-z0-9_-]{0,32}$",
        "4: motion.sensitivty: no such setting; did you mean 'sensitivity'?",
        "5: motion.min_cells: 0 is not a whole number within 1 to 1000 cells",
        "13: camera[1].address: holds a password; put it into a file and name it in password_file",
        "12: camera[1].name: 'door' is taken by another camera",
    )


PLACES = """\
[[camera]]
name = "a"
source = "synthetic"
[[camera.zone]]
name = "crossed"
polygon = [[0, 0], [1, 1], [1, 0], [0, 1]]
[[camera]]
name = "b"
source = "synthetic"
[[camera.zone]]
name = "z"
polygon = [[0, 0], [1, 0]]
[[camera.zone]]
name = "z"
knd = "ignore"
polygon = [
  [0, 0],
  [1.5, 0],
  [1, 1],
]
min_size = 0.5
max_size = 0.25
[[camera.zone]]
name = "bare"
[[camera.line]]
name = "gate"
from = [0.5, 0.5]
to = [0.5, 0.5]
[[camera.armed]]
from = "25:00"
days = ["mo"]
"""


def test_zones_lines_and_hours_are_checked_at_once_each_at_its_own_line(tmp_path: Path) -> None:
    few = "is not a list of 3 to 64 points [x, y] within 0 to 1"
    assert faults_of(PLACES, tmp_path) == (
        f"12: camera[1].zone[0].polygon: [[0, 0], [1, 0]] {few}",
        "15: camera[1].zone[1].knd: no such setting; did you mean 'kind'?",
        f"16: camera[1].zone[1].polygon: [[0, 0], [1.5, 0], [1, 1]] {few}",
        "30: camera[1].armed[0].from: '25:00' is not a text like ^([01][0-9]|2[0-3]):[0-5][0-9]$",
        "31: camera[1].armed[0].days: ['mo'] is not a list of any of mon, tue, wed, thu, fri, sat, "
        "sun",
        "6: camera[0].zone[0].polygon: crosses or touches itself; give each corner once, in order",
        "14: camera[1].zone[1].name: 'z' is taken by another of this camera's",
        "21: camera[1].zone[1].min_size: 0.5 is more than max_size, 0.25",
        " camera[1].zone[2].polygon: zone 'bare' has no polygon; give 3 or more corners",
        "28: camera[1].line[0].to: line 'gate' has no length; from and to must differ",
    )


def test_too_many_zones_and_zones_that_are_no_tables_are_faults() -> None:
    triangle = [[0, 0], [1, 0], [1, 1]]
    zones = [{"name": f"z{n}", "polygon": triangle} for n in range(17)]
    camera = {"name": "a", "source": "synthetic"}
    for zone, fault in (
        (zones, "camera[0].zone: there are 17 tables; at most 16 are taken"),
        (3, "camera[0].zone: must be one or more tables; write each as [[camera.zone]]"),
        ([3], r"camera[0].zone[0]: 3 is not a table; write it as [[camera.zone]]"),
    ):
        with pytest.raises(ConfigError, match=re.escape(fault)):
            settings.parse({"camera": [{**camera, "zone": zone}]})


def test_the_examples_of_the_sample_are_settings(tmp_path: Path) -> None:
    lines = check.sample().splitlines()
    file = tmp_path / "edgeagent.toml"
    file.write_text("\n".join(re.sub(r"^#(?=[^ ])", "", line) for line in lines))
    (camera,) = settings.load(file).camera
    assert [zone.name for zone in camera.zone] == ["pavement"]
    assert [(line.start, line.end) for line in camera.line] == [((0.5, 1.0), (0.5, 0.5))]
    assert [window.days[0] for window in camera.armed] == ["mon"]


def test_sensitivity_is_a_word_or_a_number() -> None:
    factors = [
        settings.parse({"motion": {"sensitivity": given}}).motion.factor
        for given in ("low", "normal", "high", 2, 0.5)
    ]
    assert factors == [0.7, 1.0, 1.5, 2, 0.5]


def test_a_zone_that_came_or_went_is_a_change_to_be_taken_over_at_once() -> None:
    bare = settings.parse({"camera": [{"name": "a", "source": "synthetic"}]})
    line = {"name": "gate", "from": [0, 0], "to": [1, 1]}
    lined = settings.parse({"camera": [{"name": "a", "source": "synthetic", "line": [line]}]})
    for one, two in ((bare, lined), (lined, bare)):
        assert settings.changes(one, two) == [
            settings.Change(f"camera[0].line[0].{key}", Reload.LIVE)
            for key in ("name", "from", "to", "labels")
        ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[mqtt]\nport = 'x'", "2: mqtt.port: 'x' is not a whole number within 0 to 65535"),
        (
            "[motion]\nsensitivity = 'medium'",
            "2: motion.sensitivity: 'medium' is not one of low, normal, high or a number within "
            "0.25 to 4",
        ),
        ("[mqtt]\ntls = 1", "2: mqtt.tls: 1 is not true or false"),
        ("[mqtt]\nprotocol = '4'", "2: mqtt.protocol: '4' is not one of 5, 3.1.1"),
        (
            "[model]\ndevice = 'gpu'",
            "2: model.device: 'gpu' is not one of auto, cpu, usb, usb:[0-9], pci, pci:[0-9], "
            "scripted",
        ),
        ("[model]\nfallback = 'gpu'", "2: model.fallback: 'gpu' is not one of cpu, none"),
        (
            "[model]\ndeadline_s = 0.05",
            "2: model.deadline_s: 0.05 s would end every call; 0, or at least 0.1",
        ),
        ("[motion]\ncell_px = 9", "2: motion.cell_px: 9 is none of 0, 4, 8 and 16 px"),
        ("mqtt = 3", "1: mqtt: 3 is not a table; write it as [mqtt]"),
        ("camera = 'x'", "1: camera: must be one or more tables; write each as [[camera]]"),
        ("[mqtt]\nprefix = '{host}'", "2: mqtt.prefix: {host} is neither {site} nor {device}"),
        ("[mqtt]\nprefix = 'a/b/c/d/e/f'", "2: mqtt.prefix: 'a/b/c/d/e/f' has more than 4 slashes"),
        (
            "[mqtt]\ncert_file = 'a'",
            " mqtt.key_file: a client certificate needs both cert_file and key_file",
        ),
        (
            "[mqtt]\ntls = false\nalpn = 'mqtt'",
            "3: mqtt.alpn: is part of the TLS handshake; it needs tls = true",
        ),
        (
            "[mqtt]\nencoding = 'cloudevents-binary'\nprotocol = '3.1.1'",
            "2: mqtt.encoding: 'cloudevents-binary' needs MQTT 5's user properties, and protocol "
            "is 3.1.1; 'cloudevents' says the same without them",
        ),
        ("[[camera]]\nname = 'a'", " camera[0].address: a camera of kind 'video' needs an address"),
        (
            "[[camera]]\naddress = 'a.mp4'\ndetail = 'rtsp://eve:pw@a/0'",
            "3: camera[0].detail: holds a password; "
            "put it into a file and name it in password_file",
        ),
        (
            "[[camera]]\naddress = 'rtsp://a/1'\ndetail = '/dev/video0'",
            '3: camera[0].detail: must be an rtsp:// address, and source "video"',
        ),
        (
            "[[camera]]\nsource = 'picamera'\naddress = 'left'",
            "3: camera[0].address: 'left' is not the number of a Pi camera, 0 to 9",
        ),
        (
            "[[camera]]\nname = 'a'\nsource = 'picamera'\n"
            "[[camera]]\nname = 'b'\nsource = 'picamera'\naddress = '0'",
            "7: camera[1].address: Pi camera 0 is taken by another [[camera]]",
        ),
        (
            "[[camera]]\nsource = 'picamera'\nfps = 30\nexposure_us = 40000",
            "4: camera[0].exposure_us: 40000 us is longer than a frame at fps = 30, 33333 us; "
            "lower one of them",
        ),
        ("[health]\nstat_s = -1", "2: health.stat_s: -1 is not a number within 0 to 86400 s"),
        (
            "[page]\nenabled = true\naddress = '0.0.0.0'",
            "3: page.address: 0.0.0.0 is beyond this device, and the page has no certificate; "
            "give cert_file and key_file, or say insecure = true, or use 127.0.0.1",
        ),
        (
            "[page]\naddress = 'cafe'",
            "2: page.address: 'cafe' is not an IP address, such as 127.0.0.1 or 0.0.0.0",
        ),
        (
            "[page]\ncert_file = 'a'",
            " page.key_file: a certificate needs both cert_file and key_file",
        ),
        ("x = [", " is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_fault_names_setting_value_and_what_is_allowed(
    text: str, fault: str, tmp_path: Path
) -> None:
    assert faults_of(text, tmp_path) == (fault,)


@pytest.mark.parametrize(
    "text",
    [
        "[page]\naddress = '0.0.0.0'",
        "[page]\nenabled = true\naddress = '::1'",
        "[page]\nenabled = true\naddress = '::'\ninsecure = true",
        "[page]\nenabled = true\naddress = '192.0.2.4'\ncert_file = 'a'\nkey_file = 'b'",
    ],
)
def test_a_page_beyond_this_device_is_encrypted_or_said_to_be_insecure(
    text: str, tmp_path: Path
) -> None:
    file = tmp_path / "edgeagent.toml"
    file.write_text(text)
    assert settings.load(file).page.port == 8480


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file.*edgeagent check --sample makes one"):
        settings.load(tmp_path / "none.toml")


def test_the_sample_file_is_the_committed_one_and_says_the_defaults(tmp_path: Path) -> None:
    committed = ROOT / "systemd" / "edgeagent.toml"
    assert committed.read_text() == check.sample()
    config = settings.load(committed)
    camera = CameraConfig(name="door", source="video", address="/dev/video0")
    assert config == Config(camera=[camera])


def test_what_the_sample_comments_out_is_the_default() -> None:
    lines = check.sample().splitlines()
    bare = [
        line.removeprefix("# ") if " = " in line and "(" not in line else line for line in lines
    ]
    table = tomllib.loads("\n".join(line for line in bare if not line.startswith("#")))
    assert settings.parse(table) == msgspec.structs.replace(
        Config(), camera=[CameraConfig(name="door", source="video", address="/dev/video0")]
    )


def test_the_schema_accepts_the_sample_and_knows_every_setting() -> None:
    schema = check.schema()
    committed = (ROOT / "systemd" / "edgeagent.schema.json").read_text()
    assert msgspec.json.decode(committed) == schema
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(tomllib.loads(check.sample()))
    assert not validator.is_valid({"motion": {"cell_px": 99}})
    assert not validator.is_valid({"motion": {"sel_px": 8}})


def test_every_setting_has_words_bounds_and_a_reload_class() -> None:
    for setting in settings.every_setting():
        assert setting.text.endswith("."), setting.path
        assert setting.reload in Reload, setting.path
        assert setting.allowed, setting.path
        for suffix, unit in (("_s", "s"), ("_px", "px"), ("_bytes", "bytes")):
            if setting.path.endswith(suffix) and not setting.path.endswith("per_s"):
                assert setting.unit in (unit, "1/s"), setting.path


def test_a_change_says_what_a_reload_may_do_with_it() -> None:
    one = settings.parse({"camera": [{"name": "a", "source": "synthetic"}]})
    two = settings.parse(
        {
            "site": "b",
            "camera": [{"name": "a", "source": "synthetic", "fps": 5}],
            "events": {"threshold": 0.5},
        }
    )
    assert settings.changes(one, two) == [
        settings.Change("site", Reload.START),
        settings.Change("camera[0].fps", Reload.PART),
        settings.Change("events.threshold", Reload.LIVE),
    ]
    assert settings.changes(one, one) == []


def test_a_camera_that_came_waits_for_the_next_start() -> None:
    one = settings.parse({"camera": [{"name": "a", "source": "synthetic"}]})
    assert settings.changes(Config(), one) == [settings.Change("camera", Reload.START)]
