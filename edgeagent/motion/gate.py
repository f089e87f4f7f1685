"""The gate: a frame is let through when something in it moved by itself.

plane -> cells -> compare -> few differ: quiet, learn, done
                             many differ anew: what light and shake explain is taken away
                             almost all differ at once: another scene, begin anew
                             groups with proof, seen before -> Motion
"""

import cv2
import numpy as np

from edgeagent.config import MotionConfig
from edgeagent.findings import Motion
from edgeagent.frame import Frame, Plane
from edgeagent.motion.background import Background, share
from edgeagent.motion.components import Components, Group
from edgeagent.motion.grid import CellGrid, Cells, Indices, Shape
from edgeagent.motion.light import Light, LightFit
from edgeagent.motion.pace import Pace
from edgeagent.motion.story import (
    LEARNING,
    NO_GROUP,
    OTHER_SCENE,
    WORTH_A_LOOK,
    Story,
    suspects,
)

WARM_S, WARM_FRAMES = 0.75, 4
"""At least so long, and so many frames, are only learnt from."""

REFRESH_S = 0.4
"""Thresholds are worked out anew, and the noise of a quiet scene is learnt, so often."""

UPKEEP_S = 0.2
"""A scene with motion is learnt from so often."""

FIT_SHARE = 0.04
"""When more than this share of the cells moved, light or shake are looked for."""

FIT_NEW_SHARE = 0.02
"""... and more than this share of them is nowhere near what moved in the frame before."""

LIGHT_S = 1.6
"""The background follows a change of light that was explained with this time constant."""

JUMP_SHARE, JUMP_FROM = 0.5, 0.35
"""The scene itself changed when more than the first share of the cells moved at once, after less
than the second in the frame before."""

JUMP_LEVELS = 12.0
"""... unless the light explains it and changed by less than this: dawn is followed, not adopted."""

LOST_SHARE = 0.5
"""... or when more than this share is left after all explanations."""

AFTERGLOW_S = 2.95
"""So long after a change of light, what stands still may be what its explanation left over."""


class _Scene:
    """What is known of one camera's view at one size."""

    def __init__(self, frame: Frame, config: MotionConfig) -> None:
        self.size_px: Shape = frame.luma.shape[0], frame.luma.shape[1]
        self.config = config
        self._grid = CellGrid(self.size_px, config.cell_px)
        self._background = Background(self._grid.shape)
        self._light = LightFit(self._grid.shape)
        self._components = Components(self._grid.shape)
        self._pace = Pace(frame.mono_s)
        self._cells = self._grid.shape[0] * self._grid.shape[1]
        self._frames = 0
        self._busy_share = 0.0
        self.quiet = False
        self._learnt_s = 0.0
        self._refreshed_s = 0.0
        self._lit_s = -AFTERGLOW_S
        self._story: Story | None = None
        self._background.start(self._grid.measure(frame.luma))
        self._refresh()

    def retune(self, config: MotionConfig) -> None:
        self.config = config
        self._refresh()

    def explain(self, luma: Plane, mono_s: float) -> Story:
        """Do what `see` does, and tell why."""
        story = self._story = Story(cells=self._cells, low=self._background.low.copy())
        story.motion = self.see(luma, mono_s)
        self._story = None
        story.moved = self._background.moved.copy()
        story.left = int(np.count_nonzero(story.moved))
        story.over_low = story.over_low or story.left
        if self._is_new():
            story.verdict = LEARNING
        return story

    def see(self, luma: Plane, mono_s: float) -> Motion | None:
        elapsed_s = self._pace.step(mono_s)
        self._frames += 1
        cells = self._grid.measure(luma)
        moved = self._background.compare(cells)
        if self._is_new():
            self._warm(cells, elapsed_s)
            return None
        self.quiet = moved < self.config.min_cells
        if self.quiet:
            self._quiet(cells, elapsed_s)
            return None
        return self._busy(cells, moved, elapsed_s)

    def _is_new(self) -> bool:
        return self._frames <= WARM_FRAMES or self._pace.now_s < WARM_S

    def _refresh(self) -> None:
        self._background.refresh(self.config.factor)
        self._refreshed_s = self._pace.now_s

    def _warm(self, cells: Cells, elapsed_s: float) -> None:
        self._background.warm(cells, elapsed_s)
        self._learnt_s = self._pace.now_s
        self._refresh()

    def _quiet(self, cells: Cells, elapsed_s: float) -> None:
        if self._busy_share:
            self._busy_share = 0.0
            self._components.forget()
            self._background.stir()
        self._background.learn_quiet(cells, elapsed_s)
        self._learnt_s = self._pace.now_s
        if self._pace.due(self._refreshed_s, REFRESH_S):
            self._background.learn_noise(self._pace.now_s - self._refreshed_s)
            self._refresh()

    def _since_learnt(self) -> float:
        since_s = self._pace.now_s - self._learnt_s
        self._learnt_s = self._pace.now_s
        return since_s

    def _busy(self, cells: Cells, moved: int, elapsed_s: float) -> Motion | None:
        background = self._background
        background.differ(cells)
        share_moved, light = moved / self._cells, None
        if self._story is not None:
            self._story.over_low, self._story.verdict = moved, OTHER_SCENE
        if share_moved > FIT_SHARE and self._many_new():
            light = self._explain(cells)
            self._lit_s = self._pace.now_s
            moved = background.judge()
            if self._story is not None:
                self._story.fitted, self._story.light = True, light
        if self._is_another_scene(share_moved, moved / self._cells, light):
            self._adopt(cells, light)
            return None
        where = np.flatnonzero(background.moved)
        groups = self._find(where)
        if self._story is not None:
            self._tell(self._story, where, groups)
        self._learn(where, light, elapsed_s)
        # A few strayed cells are no group: each keyframe has some, being sharper than the rest.
        self.quiet = not self._components.groups.size
        return self._motion(groups) if groups else None

    def _tell(self, story: Story, where: Indices, groups: list[Group]) -> None:
        background, components = self._background, self._components
        proof = background.proves(where)
        story.verdict = WORTH_A_LOOK if groups else NO_GROUP
        story.over_high = int(np.count_nonzero(proof))
        story.suspects = suspects(
            self._grid, background.moved, where, proof, components.confirmed, self.config.min_cells
        )

    def _many_new(self) -> bool:
        where = np.flatnonzero(self._background.moved)
        return self._components.new(where) > FIT_NEW_SHARE * self._cells

    def _explain(self, cells: Cells) -> Light | None:
        background = self._background
        return self._light.explain(
            background.difference, background.mean, cells, background.excess, self._pace.now_s
        )

    def _is_another_scene(self, share_moved: float, share_left: float, light: Light | None) -> bool:
        jumped = share_moved > JUMP_SHARE and self._busy_share < JUMP_FROM
        self._busy_share = share_moved
        if light is not None and light.levels < JUMP_LEVELS:
            jumped = False
        return jumped or share_left > LOST_SHARE

    def _adopt(self, cells: Cells, light: Light | None) -> None:
        if light is None:
            self._components.forget()
        else:
            self._background.follow(self._light.change, 1.0)
        self._background.adopt(cells, self._components.known)

    def _find(self, where: Indices) -> list[Group]:
        proof = self._background.proves(where)
        if not proof.any():
            self._components.forget()
            return []
        frames = self._pace.frames(self.config.confirm_s)
        moved, min_cells = self._background.moved, self.config.min_cells
        return self._components.find(moved, where, proof, min_cells, frames)

    def _learn(self, where: Indices, light: Light | None, elapsed_s: float) -> None:
        if light is not None:
            self._background.follow(self._light.change, share(elapsed_s, LIGHT_S))
        if self._pace.due(self._learnt_s, UPKEEP_S):
            background, static_s = self._background, self.config.static_s
            background.learn_busy(where, self._since_learnt(), static_s)
            if self._pace.due(self._refreshed_s, REFRESH_S):
                self._learn_noise(where)

    def _learn_noise(self, where: Indices) -> None:
        lit = self._pace.now_s - self._lit_s < AFTERGLOW_S
        since_s = self._pace.now_s - self._refreshed_s
        self._background.learn_noise_around(where, self._components.groups, since_s, lit)
        self._refresh()

    def _motion(self, groups: list[Group]) -> Motion:
        cells = x = y = 0.0
        for group in groups:
            cells += group.cells
            x += group.x * group.cells
            y += group.y * group.cells
        return Motion(
            area=cells / self._cells,
            centroid=self._grid.point(x / cells, y / cells),
            grid=self._grid.activity(self._components.confirmed),
            regions=tuple([self._grid.box(*group[:4]) for group in groups]),
        )


class MotionGate:
    """Tells for each frame of one camera whether it is worth a look. For one thread.

    All it knows of time is `Frame.mono_s`: the same scene is judged alike at any frame rate, and
    a replayed clip as it was live. It keeps cells, never a picture.
    """

    def __init__(self, config: MotionConfig) -> None:
        # The grid is far too small to share out; more threads would only fight the engine's.
        cv2.setNumThreads(1)
        self._config = config
        self._scene: _Scene | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing in the last frame could be the beginning of motion."""
        return self._scene is not None and self._scene.quiet

    def admit(self, frame: Frame) -> Motion | None:
        """Return what moved in ``frame``, or None when it is not worth a look.

        Frames of one view, in order. When the size of the luma plane changes, the gate begins
        afresh: the first 0.75 s of a view are only learnt from.
        """
        return self._view(frame).see(frame.luma, frame.mono_s)

    def explain(self, frame: Frame) -> Story:
        """Admit ``frame`` as `admit` does, and return why it was or was not let through.

        For one who asks: it works everything out twice. What it is not asked costs nothing.
        """
        return self._view(frame).explain(frame.luma, frame.mono_s)

    def _view(self, frame: Frame) -> _Scene:
        if self._scene is None or frame.luma.shape != self._scene.size_px:
            self._scene = _Scene(frame, self._config)
        return self._scene

    def retune(self, config: MotionConfig) -> None:
        """Take over changed settings; another ``cell_px`` begins afresh."""
        if self._scene is not None:
            if config.cell_px == self._config.cell_px:
                self._scene.retune(config)
            else:
                self._scene = None
        self._config = config
