"""``edgeagent motion``: what the gate thought of a clip, and why of any one frame."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from edgeagent.bench import clip_config
from edgeagent.cli.replay import chosen_config
from edgeagent.clock import ManualClock
from edgeagent.config import MotionConfig
from edgeagent.errors import UsageError
from edgeagent.motion import MotionGate
from edgeagent.motion.light import GRADIENT_CELLS
from edgeagent.motion.story import LEARNING, Story
from edgeagent.plot import Sheet, draw
from edgeagent.sources import open_source

ROW_S = 60
"""Seconds in a row of the time line."""
ACTIVITY_COLUMNS = 8
LEVELS = " .:-=+*#%@"
"""From never to always, for a terminal without colours."""
GROUPS_MAX = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("clip", type=Path, help="a film, a still, or a folder of stills")
    parser.add_argument("--config", type=Path, help="settings file; default: the defaults")
    parser.add_argument("--at", type=float, metavar="SECONDS", help="explain this frame, too")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw it (extra: plot)")


def run(options: argparse.Namespace) -> int:
    """Replay the clip through the gate alone, flat out, and print what it thought."""
    watched = watch(options.clip, chosen_config(options.config).motion)
    if not watched.stories:
        raise UsageError(f"{options.clip}: has no frames")
    print("\n".join(summary(options.clip.name, watched)))
    if options.at is not None:
        print("\n" + "\n".join(explanation(watched, options.at)))
    if options.plot is not None:
        draw(sheet(options.clip.name, watched), options.plot)
    return 0


@dataclass(slots=True)
class Watched:
    """One clip, as the gate saw it."""

    times_s: list[float] = field(default_factory=list)
    """From the first frame on."""
    stories: list[Story] = field(default_factory=list)


def watch(clip: Path, config: MotionConfig) -> Watched:
    """Put every frame of ``clip`` through a gate.

    Raises:
        UsageError: there is no such clip.
        CameraError: it cannot be read.
    """
    camera = msgspec.structs.replace(clip_config(clip), loop=False)
    gate, watched = MotionGate(config), Watched()
    for frame in open_source(camera, ManualClock(mono_s=0.0, wall_ms=0), pace=False).frames():
        watched.times_s.append(frame.mono_s)
        watched.stories.append(gate.explain(frame))
    return watched


def summary(name: str, watched: Watched) -> Iterator[str]:
    """Yield the lines of an account: how often, when, and where."""
    stories, times_s = watched.stories, watched.times_s
    rows, columns = stories[-1].moved.shape
    moved = sum(story.motion is not None for story in stories)
    yield (
        f"{name}: {len(stories)} frames in {times_s[-1] - times_s[0]:.1f} s, "
        f"{columns}x{rows} cells; {moved} frames worth a look ({100 * moved / len(stories):.0f} %)"
    )
    yield "\ntime line, a mark a second: ~ learning, . quiet, + some frames moved, # most did"
    marks = timeline(watched)
    for start in range(0, len(marks), ROW_S):
        yield f"{start:>6} s  {marks[start : start + ROW_S]}"
    yield "\nactivity, % of the frame's parts that moved, mean of all frames"
    yield from activity(stories)


def timeline(watched: Watched) -> str:
    """Return one mark for each second of the clip."""
    first_s = watched.times_s[0]
    seconds: list[list[Story]] = [[] for _ in range(int(watched.times_s[-1] - first_s) + 1)]
    for at_s, story in zip(watched.times_s, watched.stories, strict=True):
        seconds[int(at_s - first_s)].append(story)
    return "".join(_mark(stories) for stories in seconds)


def _mark(stories: list[Story]) -> str:
    moved = sum(story.motion is not None for story in stories)
    if moved:
        return "#" if 2 * moved > len(stories) else "+"
    return "~" if any(story.verdict == LEARNING for story in stories) else "."


def activity(stories: list[Story]) -> Iterator[str]:
    """Yield the 8x6 grid as the events carry it, averaged, in words and in shades."""
    grids = [list(story.motion.grid) for story in stories if story.motion]
    sums = np.sum(grids, axis=0) if grids else np.zeros(48)
    shares = sums / 255 / len(stories)
    most = max(float(shares.max()), 1e-9)
    for row in shares.reshape(-1, ACTIVITY_COLUMNS):
        shades = "".join(2 * LEVELS[round(share / most * (len(LEVELS) - 1))] for share in row)
        yield "  " + "".join(f"{100 * share:6.1f}" for share in row) + f"   |{shades}|"


def explanation(watched: Watched, at_s: float) -> Iterator[str]:
    """Yield why the frame shown ``at_s`` seconds into the clip was let through or not.

    Raises:
        UsageError: the clip is over by then.
    """
    shown = [n for n, t in enumerate(watched.times_s) if t - watched.times_s[0] <= at_s + 1e-6]
    length_s = watched.times_s[-1] - watched.times_s[0]
    if not shown or at_s > length_s + 1:
        raise UsageError(f"--at {at_s:g}: the clip goes from 0 to {length_s:.1f} s")
    story = watched.stories[shown[-1]]
    yield f"at {at_s:g} s, frame {shown[-1]}: {story.verdict}"
    share = 100 * story.over_low / story.cells
    yield f"  over the low threshold   {story.over_low} of {story.cells} cells ({share:.1f} %)"
    yield f"  light and shake          {light(story)}"
    yield f"  left                     {story.left} cells, {story.over_high} over the high one"
    if story.suspects:
        yield "  cells  strong  left   top    right  bottom"
    for suspect in story.suspects[:GROUPS_MAX]:
        box = suspect.box
        edges = "  ".join(f"{e:.3f}" for e in (box.left, box.top, box.right, box.bottom))
        yield f"  {suspect.cells:>5}  {suspect.strong:>6}  {edges}  {suspect.why}"
    if len(story.suspects) > GROUPS_MAX:
        yield f"  and {len(story.suspects) - GROUPS_MAX} smaller groups"


def light(story: Story) -> str:
    """Return in words what the fit of light and shake came to."""
    if not story.fitted:
        return "not looked for: too few cells moved anew"
    if story.light is None:
        return "looked for; no change of all explains enough"
    found = story.light
    across, down = (abs(shift) * 2 / GRADIENT_CELLS for shift in (found.right, found.down))
    return (
        f"gain {found.gain:+.1f} and offset {found.offset:+.1f} levels, "
        f"shake {across:.2f} cells across, {down:.2f} down"
    )


def sheet(name: str, watched: Watched) -> Sheet:
    """Return what there is to draw."""
    shape = watched.stories[-1].moved.shape
    alike = [story for story in watched.stories if story.moved.shape == shape]
    return Sheet(
        title=f"{name}: what the motion gate thought",
        times_s=watched.times_s,
        over_low=[story.over_low for story in watched.stories],
        left=[story.left for story in watched.stories],
        moved=[story.motion is not None for story in watched.stories],
        activity=np.mean([story.moved for story in alike], axis=0),
        low=np.mean([story.low for story in alike], axis=0),
    )
