"""Local action in the settings and on the command line; whose word it is; a whole agent acting."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgeagent import overlay, settings
from edgeagent.acting.telling import sentence, warnings
from edgeagent.cli import main
from edgeagent.clock import SystemClock
from edgeagent.config import ActionConfig, CameraConfig, Config, ModelConfig
from edgeagent.errors import ConfigError
from edgeagent.supervisor import Supervisor

CAMERA = {
    "name": "door",
    "source": "synthetic",
    "zone": [{"name": "step", "polygon": [[0, 0], [1, 0], [1, 1]]}],
}
PIN = {"name": "lamp", "gpio": 17}


def faults(*actions: dict[str, Any]) -> list[str]:
    try:
        settings.parse({"camera": [CAMERA], "action": list(actions)})
    except ConfigError as error:
        return [fault.removeprefix("settings: ") for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("actions", "fault"),
    [
        ([{"name": "a"}], "action[0].gpio: an action is either a program (argv) or a pin (gpio); "),
        ([{**PIN, "argv": ["/bin/true"]}], "action[0].argv: an action is either a program"),
        ([{"argv": ["siren"]}], "action[0].argv: 'siren' must be a program's whole path, such as"),
        ([{**PIN, "gpio": 28}], "action[0].gpio: 28 is not a whole number within -1 to 27"),
        ([PIN, {**PIN, "gpio": 18}], "action[1].name: 'lamp' is taken by another [[action]]"),
        ([PIN, {**PIN, "name": "b"}], "action[1].gpio: GPIO 17 is taken by action 'lamp'; one"),
        (
            [{**PIN, "cameras": ["dor"]}],
            "action[0].cameras: there is no camera 'dor'; did you mean",
        ),
        (
            [{**PIN, "zones": ["step"]}],
            'action[0].zones: stand in events of kind "zone" alone; add',
        ),
        (
            [{**PIN, "kinds": ["zone"], "zones": ["stp"]}],
            "action[0].zones: there is no zone 'stp'; ",
        ),
        ([{**PIN, "kinds": ["vector"]}], "action[0].kinds: ['vector'] is not a list of any of mot"),
        ([{"name": f"a{n}", "argv": ["/a"]} for n in range(9)], "action: there are 9 tables; at m"),
    ],
)
def test_each_fault_of_an_action_is_told_with_its_cure(
    actions: list[dict[str, Any]], fault: str
) -> None:
    (told,) = faults(*actions)
    assert told.startswith(fault)


def test_an_agent_does_nothing_by_itself_until_the_settings_say_so() -> None:
    assert Config().action == []
    assert faults({**PIN, "kinds": ["zone"], "zones": ["step"], "cameras": ["door"]}) == []


def test_no_word_from_afar_reaches_an_action() -> None:
    actions = [s for s in settings.every_setting() if s.path.startswith("action.")]
    assert len(actions) > 10
    assert [s.path for s in actions if s.remote] == []
    config = settings.parse({"camera": [CAMERA], "action": [PIN]})
    evil = [{"name": "x", "argv": ["/bin/rm"]}]
    for path in ("action", "action[0].argv", "action.argv", "action[0]", "action.0.argv"):
        with pytest.raises(ConfigError, match="is no setting that may be set from afar"):
            overlay.judge(config, {path: evil})
        assert overlay.applied(config, {path: evil})[0] == config


def test_check_says_what_will_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeagent.toml"
    file.write_text(
        '[[camera]]\nname = "door"\nsource = "synthetic"\n'
        '[[action]]\nname = "siren"\nlabels = ["person"]\ncameras = ["door"]\nmin_score = 0.6\n'
        'argv = ["/usr/bin/env", "two words"]\n'
        '[[action]]\nname = "lamp"\nkinds = ["motion"]\ngpio = 17\nactive_high = false\n'
        f'[[action]]\nname = "gone"\nargv = ["{tmp_path}/none"]\n'
    )
    assert main(["check", str(file), "--state", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert (
        "# action siren: object (in) of person with a score of 0.6 or more at camera door: "
        "runs /usr/bin/env 'two words' for 10 s at most, at most once in 10 s\n" in told.out
    )
    assert (
        "# action lamp: motion (in): sets GPIO 17 to 0 V for 1 s, at most once in 10 s" in told.out
    )
    missing = f"warning: action gone: {tmp_path}/none: No such file or directory; put the program"
    assert missing in told.err
    assert "action siren" not in told.err
    assert main(["action", "list", "--config", str(file)]) == 0
    assert "siren: object (in) of person" in capsys.readouterr().out


def told_of(program: Path) -> list[str]:
    return list(warnings(ActionConfig(argv=[str(program)])))


def test_a_program_that_others_may_change_is_warned_of(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "siren"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    here = [f"the service does not see {program}; put it into /usr/local/bin"]
    assert told_of(program) == here
    program.chmod(0o777)
    assert f"anybody may write to {program}; sudo chmod o-w {program}" in told_of(program)
    program.chmod(0o644)
    assert f"{program} is not executable; sudo chmod +x {program}" in told_of(program)
    program.chmod(0o755)
    program.parent.chmod(0o777)
    folder = program.parent
    assert f"anybody may write to {folder}; sudo chmod o-w {folder}" in told_of(program)
    link = tmp_path / "link"
    link.symlink_to(program)
    assert f"anybody may write to {folder}; sudo chmod o-w {folder}" in told_of(link)
    program.parent.chmod(0o1777)
    assert told_of(link) == here
    assert any("is no file" in told for told in told_of(folder))


def test_a_pin_without_its_library_is_warned_of() -> None:
    assert list(warnings(ActionConfig(gpio=17, driver="mock"))) == []
    told = list(warnings(ActionConfig(gpio=17)))
    assert all("python3-lgpio" in one for one in told)
    assert sentence(ActionConfig(gpio=17, driver="mock")).count("only played") == 1


@contextmanager
def agent(state: Path, *actions: ActionConfig) -> Iterator[Supervisor]:
    camera = CameraConfig(name="yard", source="synthetic", width=320, height=240)
    config = Config(camera=[camera], model=ModelConfig(name=""), action=list(actions))
    supervisor = Supervisor(config, None, state, SystemClock())
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()
        thread.join(30)
    assert not thread.is_alive()


def test_what_moves_starts_a_command_and_what_hangs_keeps_no_frame_waiting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write = f"cat >>{tmp_path}/told; echo done >&2"
    siren = ActionConfig(
        name="siren", kinds=["motion"], phases=[], argv=["/bin/sh", "-c", write], every_s=0
    )
    hangs = ActionConfig(
        name="hangs", kinds=["motion"], phases=[], argv=["/bin/sleep", "1000"], time_limit_s=600
    )
    state = ["--state", str(tmp_path)]
    with agent(tmp_path, siren, hangs) as supervisor:
        health, give_up_s = supervisor.health, time.monotonic() + 60
        while not health.counted("actions_done_total.siren"):
            assert time.monotonic() < give_up_s
            time.sleep(0.02)
        frames = health.counted("frames_total.yard")
        while health.counted("frames_total.yard") < frames + 10:
            assert time.monotonic() < give_up_s
            time.sleep(0.02)
        assert main(["action", "try", "siren", *state]) == 0
        assert "siren: done in " in capsys.readouterr().out
        assert main(["action", "try", "sirene", *state]) == 64
        assert "there is siren, hangs" in capsys.readouterr().err
    assert '"k":"motion"' in (tmp_path / "told").read_text()
    assert main(["action", "try", "siren", *state]) == 69
    assert "no agent runs here" in capsys.readouterr().err


def test_an_action_that_fails_is_a_warning_with_a_cure_and_never_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with agent(tmp_path, ActionConfig(name="siren", argv=["/bin/false"])):
        give_up_s = time.monotonic() + 30
        while main(["action", "try", "siren", "--state", str(tmp_path)]) != 69 or (
            "status 1" not in capsys.readouterr().out
        ):
            assert time.monotonic() < give_up_s
            time.sleep(0.05)
        assert main(["status", "--state", str(tmp_path)]) == 0
        told = capsys.readouterr().out
    assert "ended with status 1" in told
    assert "edgeagent action try siren" in told


def test_a_file_is_tried_without_an_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edgeagent.toml"
    file.write_text('[[action]]\nname = "lamp"\ngpio = 17\npulse_s = 0.05\ndriver = "mock"\n')
    assert main(["action", "try", "lamp", "--here", str(file)]) == 0
    assert "lamp: done in 0.0" in capsys.readouterr().out


def test_a_nul_is_given_to_no_program() -> None:
    told, *_ = faults({"argv": ["/bin/echo", "a\0b"]})
    assert told.startswith("action[0].argv: ['/bin/echo', 'a\\x00b'] has a control character")
