"""What docs/brokers.md tells an owner to write is taken as it stands, and lets the agent speak."""

import json
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from edgeagent.brokers import PROFILES
from edgeagent.settings import parse

PAGE = (Path(__file__).parent.parent / "docs/brokers.md").read_text()
OURS = ["status", "info", "sys", "stat", "evt/yard", "vec/yard", "res/look"]
POLICY_CHARACTERS = 2048
"""AWS IoT Core's limit on a policy document, white space not counted (AWS service quotas)."""


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_lines_for_each_broker_have_no_fault(text: str) -> None:
    assert parse(tomllib.loads(text), "docs/brokers.md", text).mqtt.host


def test_every_broker_that_is_known_is_on_the_page() -> None:
    for profile in set(PROFILES) - {"any"}:
        assert f"| `{profile}` |" in PAGE


def test_the_policy_for_aws_lets_say_what_we_say_and_fits() -> None:
    (text,) = blocks("json")
    text = text.replace("REGION", "ap-northeast-1").replace("ACCOUNT", "123456789012")
    assert len(re.sub(r"\s", "", text)) <= POLICY_CHARACTERS
    allowed: dict[str, list[str]] = {}
    for statement in json.loads(text)["Statement"]:
        actions, resources = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            of_thing = [resources] if isinstance(resources, str) else resources
            allowed[action] = allowed.get(action, []) + [
                one.split(":", 5)[5].replace("${iot:Connection.Thing.ThingName}", "door")
                for one in of_thing
            ]

    def may(action: str, what: str) -> bool:
        return any(fnmatchcase(what, resource) for resource in allowed[action])

    said = [f"topic/edge/v1/home/door/{name}" for name in OURS]
    assert all(may("iot:Publish", topic) for topic in said)
    assert [may("iot:RetainPublish", topic) for topic in said[:3]] == [True, True, False]
    assert may("iot:Connect", "client/door")
    assert may("iot:Subscribe", "topicfilter/edge/v1/home/door/cmd/+")
    assert may("iot:Receive", "topic/edge/v1/home/door/cmd/look")
    for other in ("topic/edge/v1/home/window/evt/yard", "topic/edge/v1/home/door/cmd/look"):
        assert not may("iot:Publish", other)


@pytest.mark.parametrize(
    ("before", "name"),
    [("pattern write edge/v1/home/%u/", ""), ("'$own/", "'"), ("edge/v1/home/${username}/", '"')],
)
def test_the_other_lists_name_every_topic_of_ours(before: str, name: str) -> None:
    for topic in OURS:
        wild = re.sub("/.*", "/+", topic)
        assert f"{before}{wild}{name}" in PAGE
