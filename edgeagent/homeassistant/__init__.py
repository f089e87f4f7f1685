"""The agent in Home Assistant: what it is, how each camera stands, and when either is said again.

A thread of its own folds what the agent's events say into one retained message a camera, and
answers Home Assistant's birth message. The cameras' threads only hand their events over.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeagent.armed import is_armed
from edgeagent.bulletin import Bulletin
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, Config
from edgeagent.event import Event
from edgeagent.health import Health
from edgeagent.homeassistant.discovery import state_topic
from edgeagent.homeassistant.memory import Memory
from edgeagent.homeassistant.standing import UNARMED, WATCHED, Standing
from edgeagent.homeassistant.telling import SETTLE_S, Telling
from edgeagent.link import Link
from edgeagent.wire.device import state_fields
from edgeagent.wire.encodings import Encode

__all__ = ["HomeAssistant"]

_log = logging.getLogger(__name__)

AGAIN_S = (1.0, 5.0)
"""Bounds of the wait after its birth message: a house full of devices does not answer at once."""
FARES_S = 5.0
"""A device whose health trembles does not say so more often."""
LOOK_S = 1.0
STOP_S = 1.0
AS_WATCHED = ("", "detail")
"""Codes of a camera that sees."""


class HomeAssistant:
    """One for the whole agent; `hear` and `begin` from any thread, the rest the supervisor's."""

    def __init__(
        self,
        state: Path,
        clock: Clock,
        health: Health,
        draw: Callable[[float, float], float] = random.uniform,
        look_s: float = LOOK_S,
    ) -> None:
        """Prepare; nothing is read or begun.

        Args:
            state: folder in which it is remembered what was published.
            clock: for waits, and for whether a camera is armed.
            health: hears when there is more to tell than fits.
            draw: picks the wait after a birth message between its bounds.
            look_s: how often it is looked how the cameras fare.
        """
        self._folder, self._clock, self._health, self._draw = state, clock, health, draw
        self._look_s = look_s
        self._lock = threading.Lock()
        self._standings: dict[str, Standing] = {}
        self._cameras: dict[str, CameraConfig] = {}
        self._news, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._is_on = False
        self._again_s: float | None = None
        self._gone_s: float | None = None

    def begin(self, camera: str) -> None:
        """Note that another agent looks through ``camera``: it knows nothing of what was."""
        with self._lock:
            self._standings.setdefault(camera, Standing()).begin()
        self._news.set()

    def hear(self, event: Event) -> None:
        """Take note of ``event``; neither waits nor raises."""
        if event.source is None:
            return
        with self._lock:
            is_news = self._standings.setdefault(event.source.camera, Standing()).take(event)
        if is_news:
            self._news.set()

    def open(
        self,
        config: Config,
        link: Link,
        encode: Encode,
        bulletin: Callable[[], Bulletin],
        say_stat: Callable[[], None],
        board: str,
    ) -> None:
        """Say what there is, or take back what was said; before the link is started.

        Args:
            config: the settings.
            link: to the broker.
            encode: how messages are written.
            bulletin: how the cameras fare.
            say_stat: has ``stat`` said soon.
            board: what the device is.
        """
        self._link, self._encode = link, encode
        self._bulletin, self._say_stat = bulletin, say_stat
        self._telling = Telling(link, Memory(self._folder), board, self._health)
        self._is_on = config.homeassistant.enabled
        self._said: dict[str, Mapping[str, Any]] = {}
        self._again_s = self._gone_s = None
        self._unwell: Mapping[str, str] = {}
        self._fared_s = float("-inf")
        if not self._cameras:
            self._cameras = {camera.name: camera for camera in config.camera}
        self._announce(config)
        if self._is_on:
            link.follow(f"{config.homeassistant.prefix}/status", self._hear_birth)
        if self._is_on or not self._telling.is_over:
            self._over = threading.Event()
            self._thread = threading.Thread(
                target=self._live, args=(self._over,), name="homeassistant", daemon=True
            )
            self._thread.start()

    def retune(self, config: Config) -> None:
        """Take over live settings: zones and lines, and with them what there is."""
        if self._is_on:
            self._announce(config)
            self._news.set()

    def close(self) -> None:
        """Say nothing more. Twice is safe."""
        self._over.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(STOP_S)
            self._thread = None

    def _announce(self, config: Config) -> None:
        with self._lock:
            self._config = config
            self._cameras |= {one.name: one for one in config.camera if one.name in self._cameras}
            cameras = list(self._cameras.values())
        self._telling.announce(config, cameras, self._clock.mono_s())
        for camera in cameras if self._is_on else ():
            self._say_state(camera)

    def _say_state(self, camera: CameraConfig, code: str | None = None) -> None:
        """Have the broker keep how a camera stands, where that is news."""
        name, zones = camera.name, [zone.name for zone in camera.zone if zone.kind == "count"]
        with self._lock:
            standing = self._standings.setdefault(name, Standing())
            if code is not None:
                standing.state = self._state(camera, code)
            told = standing.fields(zones)
            if self._said.get(name) == told:
                return
            self._said[name] = told
            fields = state_fields(self._config.device_name, name, told, self._clock.wall_ms())
            self._link.keep(state_topic(self._config, name), self._encode("state", fields))

    def _look(self) -> None:
        bulletin = self._bulletin()
        self._say_how_it_fares({part: state.code for part, state in bulletin.unwell.items()})
        for name, camera in list(self._cameras.items()):
            state = bulletin.states.get(f"camera.{name}")
            self._say_state(camera, None if state is None else state.code)

    def _say_how_it_fares(self, unwell: Mapping[str, str]) -> None:
        """Have ``stat`` said when something began or ceased to be wrong, and not too often."""
        now_s = self._clock.mono_s()
        if unwell != self._unwell and now_s >= self._fared_s + FARES_S:
            self._unwell, self._fared_s = unwell, now_s
            self._say_stat()

    def _state(self, camera: CameraConfig, code: str) -> str:
        if code not in AS_WATCHED:
            return code
        is_set = is_armed(camera.armed, self._clock.wall_ms(), self._clock.trusted())
        return WATCHED if is_set else UNARMED

    def _live(self, over: threading.Event) -> None:
        while not over.is_set():
            try:
                self._step()
            except Exception:  # noqa: BLE001  the agent sees without us; the next look may do better
                _log.exception("a fault in telling Home Assistant")
                over.wait(self._look_s)
            if self._telling.is_over:
                return
            self._news.wait(self._look_s)
            self._news.clear()

    def _step(self) -> None:
        if self._is_on:
            self._look()
            self._say_again()
        self._telling.tidy(self._clock.mono_s())

    def _hear_birth(self, payload: bytes, _retained: bool) -> None:
        if payload == b"online":
            self._again_s = self._clock.mono_s() + self._draw(*AGAIN_S)

    def _say_again(self) -> None:
        """Say all again when Home Assistant has begun anew, and let it forget what went."""
        now_s = self._clock.mono_s()
        if self._again_s is not None and now_s >= self._again_s:
            self._again_s = None
            if self._telling.show_gone():
                self._gone_s = now_s + SETTLE_S
            self._link.greet()
            self._say_stat()
        if self._gone_s is not None and now_s >= self._gone_s:
            self._gone_s = None
            self._telling.let_go()
