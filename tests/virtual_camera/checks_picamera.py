"""The real picamera2, held to all that tests/contract/test_picamera.py believes of it."""

from collections.abc import Iterator

import pytest

from tests.contract import test_picamera as contract
from tests.virtual_camera.binding import VirtualBinding

BINDING = VirtualBinding()
globals().update({k: v for k, v in vars(contract).items() if k.startswith("test_")})


@pytest.fixture(scope="session")
def only() -> contract.Member:
    return contract.Member(BINDING, BINDING.Picamera2(0))


@pytest.fixture
def member(only: contract.Member) -> Iterator[contract.Member]:
    yield only
    only.camera.cancel_all_and_flush()
    only.camera.stop()
