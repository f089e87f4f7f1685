"""scripts/bench river: what the agent costs beside decoding, beside the model, and in memory.

Three questions, each beside its peer in the same run:
* a still scene with sensor noise, 1280x720 H.264: process CPU of ``edgeagent replay`` beside a
  program that decodes and does nothing else (each less the same program on 10 frames; alternated
  pairs, median of their ratios);
* a clip in which something always moves: motion to event beside the detector's invoke, by part;
* anonymous memory of ``edgeagent run`` at 768x576.
"""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from edgeagent import assembly, clips
from edgeagent.bench.closed import single
from edgeagent.bench.found import Plan, report, unheard
from edgeagent.bench.report import Report
from edgeagent.config import Config

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".bench"
MAX_DECODE_RATIO = 1.15
MAX_INVOKE_SHARE = 0.15
MAX_ANONYMOUS_MB = 70
NOISE_LEVELS = 3.0
"""Standard deviation of the still scene's sensor noise, in luma levels."""

Scene = NDArray[np.float64]

DECODE = """
import sys, av
with av.open(sys.argv[1]) as container:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    print(sum(1 for _ in container.decode(stream)))
"""


def still_clip(frames: int, width: int = 1280, height: int = 720) -> Path:
    """Return a clip of one textured scene under fresh noise in each frame; made once."""
    path = CACHE / f"still-{width}x{height}-{frames}.mp4"
    if path.exists():
        return path
    CACHE.mkdir(exist_ok=True)
    random = np.random.default_rng(1)
    scene = _texture(random, height, width)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23", "threads": "2"}
        for _ in range(frames):
            container.mux(stream.encode(_noisy(scene, random)))
        container.mux(stream.encode(None))
    return path


def _texture(random: np.random.Generator, height: int, width: int) -> Scene:
    """A scene with edges at several scales, so that an encoder has something to keep."""
    scene = np.full((height, width), 110.0)
    for cell in (120, 40, 10):
        blocks = random.normal(0, 18, (height // cell + 1, width // cell + 1))
        scene += np.kron(blocks, np.ones((cell, cell)))[:height, :width]
    return scene


def _noisy(scene: Scene, random: np.random.Generator) -> av.VideoFrame:
    luma = np.clip(scene + random.normal(0, NOISE_LEVELS, scene.shape), 0, 255).astype(np.uint8)
    chroma = np.full((scene.shape[0] // 2, scene.shape[1]), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")


def cpu_s(command: list[str]) -> float:
    """Return user and system time of one run of ``command``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def beside_decoding(frames: int, pairs: int) -> dict[str, float]:
    """Return CPU of replay and of decoding alone, milliseconds a frame, and their ratio."""
    long, short = still_clip(frames), still_clip(10)
    programs = {
        "edgeagent": [sys.executable, "-m", "edgeagent", "replay"],
        "decode": [sys.executable, "-c", DECODE],
    }
    spent: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(pairs):
        for name, program in programs.items():
            spent[name].append(cpu_s([*program, str(long)]) - cpu_s([*program, str(short)]))
    ratios = [ours / bare for ours, bare in zip(spent["edgeagent"], spent["decode"], strict=True)]
    ms = {name: statistics.median(s) * 1000 / (frames - 10) for name, s in spent.items()}
    return {**ms, "ratio": statistics.median(ratios)}


def beside_invoke(clip: Path, runs: int) -> tuple[Report, float]:
    """Return the stages over ``clip``, and motion to event as a share of invoke."""
    engines = assembly.open_engines(Config().model)
    plan = Plan("single", clip, Config(), engines, runs)
    made = report(plan, single(plan, unheard))
    for engine in engines.all():
        engine.close()
    invoke = made.stages["invoke"].p50
    ours = sum(t.p50 for stage, t in made.stages.items() if stage not in ("invoke", "source"))
    return made, ours / invoke


def memory_mb(clip: Path, seconds: float) -> dict[str, float]:
    """Return what ``edgeagent run`` holds after ``seconds`` on ``clip``, broker away, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "edgeagent.toml"
        settings.write_text(
            f'[[camera]]\naddress = "{clip}"\nloop = true\nfps = 10\n'
            '[mqtt]\nhost = "127.0.0.1"\nport = 1\ntls = false\n'
        )
        command = [sys.executable, "-m", "edgeagent", "run", "--config", str(settings)]
        agent = subprocess.Popen(
            [*command, "--state", folder],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MALLOC_ARENA_MAX": "2"},
        )
        time.sleep(seconds)
        sizes = _rollup(agent.pid)
        agent.send_signal(signal.SIGTERM)
        agent.wait(20)
    return sizes


def _rollup(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return {name: kb[name] / 1024 for name in ("Anonymous", "Rss", "Pss")}


def moving_clip() -> Path:
    """Return vtest.avi where it is to be had, else the clip that ships."""
    data = os.environ.get("EDGEAGENT_TESTDATA")
    vtest = Path(data or "/nowhere") / "footage" / "vtest.avi"
    return vtest if vtest.exists() else clips.demo()


def small_clip() -> Path:
    """Return a clip of 768x576, the size the bar on memory is for."""
    clip = moving_clip()
    return clip if clip.name == "vtest.avi" else still_clip(100, 768, 576)


def main() -> int:
    """Print the tables; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=200, help="of the detector")
    parser.add_argument("--seconds", type=float, default=20.0, help="before memory is read")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    decode = beside_decoding(options.frames, options.pairs)
    made, share = beside_invoke(moving_clip(), options.runs)
    memory = memory_mb(small_clip(), options.seconds)
    result = {
        "decode": decode,
        "invoke": {"share": share, **{s: t.p50 for s, t in made.stages.items()}},
        "memory_mb": memory,
    }
    print(json.dumps(result) if options.json else _table(result, made))
    met = (
        decode["ratio"] <= MAX_DECODE_RATIO
        and share <= MAX_INVOKE_SHARE
        and memory["Anonymous"] <= MAX_ANONYMOUS_MB
    )
    return 0 if met else 1


def _table(result: dict[str, dict[str, float]], made: Report) -> str:
    decode, invoke, memory = result["decode"], result["invoke"], result["memory_mb"]
    lines = [
        "still scene, 1280x720 H.264, process CPU a frame",
        f"  decode alone  {decode['decode']:7.2f} ms",
        f"  edgeagent     {decode['edgeagent']:7.2f} ms   x{decode['ratio']:.3f} of decoding"
        f" (bar {MAX_DECODE_RATIO})",
        f"{made.clip}, p50 of each part over {made.stages['invoke'].n} looks",
        *(f"  {stage:<12}  {t.p50:7.3f} ms" for stage, t in made.stages.items()),
        f"  motion to event without invoke: {invoke['share']:.3f} of invoke"
        f" (bar {MAX_INVOKE_SHARE})",
        "edgeagent run at 768x576",
        f"  anonymous {memory['Anonymous']:.1f} MB (bar {MAX_ANONYMOUS_MB}),"
        f" RSS {memory['Rss']:.1f} MB, PSS {memory['Pss']:.1f} MB",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
