"""No picture leaves: the whole way from hostile frames to wire bytes, in every encoding."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeagent import event as events
from edgeagent.agent import Agent
from edgeagent.clock import ManualClock
from edgeagent.config import (
    CameraConfig,
    Config,
    EventsConfig,
    ModelConfig,
    MotionConfig,
    MqttConfig,
    OutboxConfig,
)
from edgeagent.engines import nobody
from edgeagent.engines.scripted import Outputs, Scripted
from edgeagent.engines.tflite import open_cpu
from edgeagent.event import Event
from edgeagent.frame import BT601, Frame, Picture, Plane
from edgeagent.health import Health
from edgeagent.link.memory import MemoryLink, Sent
from edgeagent.looker import Engines
from edgeagent.model import Bundle, bundles_folder, load_bundle
from edgeagent.outbox import Outbox
from edgeagent.publisher import Publisher, letters
from edgeagent.tensor import Tensor
from edgeagent.wire.bounds import PAYLOAD_MAX_BYTES
from edgeagent.wire.encodings import encoder
from edgeagent.wire.reading import read
from tests.pixels import RUN, SIGNATURES, Searched, blobs, is_varied, signatures, windows
from tests.wires import ENCODINGS, SOURCE, cddl_faults, validator

CAMERA = CameraConfig(name="yard", source="synthetic", width=192, height=144, fps=10)
WIDTH, HEIGHT, SIDE, FRAMES = 192, 144, 48, 8
BOOT = "12-1a2b3c4d"
KERNEL = "cafe0123"
DETECTOR = load_bundle(bundles_folder() / "coco16-320")
VECTORS = load_bundle(bundles_folder() / "embed88-128")
CAT = DETECTOR.labels.index("cat")
EAGER = Config(
    events=EventsConfig(min_hits=1, gone_s=0.1, per_minute=6000, vectors_per_s=10, counts_s=0.5),
    motion=MotionConfig(gate=False, every_s=0.0),
    model=ModelConfig(looks_per_s=60.0),
)
"""Says as much as an agent can be made to say."""
GATED = Config(events=EAGER.events, motion=MotionConfig(every_s=0.0), model=EAGER.model)
"""The same, of what moves alone."""
Scene = Callable[[int], tuple[Plane, Plane, Plane]]
"""Makes the planes of frame n."""


# --- hostile frames


def with_block(ground: Plane, n: int, block: Plane) -> Plane:
    """Return ``ground`` with a block that walks, for else nothing happens."""
    left = 8 * n % (WIDTH - SIDE)
    ground[SIDE : 2 * SIDE, left : left + SIDE] = block
    return ground


def grey() -> tuple[Plane, Plane]:
    half = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return half, half.copy()


def flat(n: int) -> tuple[Plane, Plane, Plane]:
    ground = np.full((HEIGHT, WIDTH), 60, np.uint8)
    return with_block(ground, n, np.full((SIDE, SIDE), 220, np.uint8)), *grey()


def noise(n: int) -> tuple[Plane, Plane, Plane]:
    rng = np.random.default_rng(n)
    half = (HEIGHT // 2, WIDTH // 2)
    planes = [rng.integers(0, 256, size, np.uint8) for size in ((HEIGHT, WIDTH), half, half)]
    return planes[0], planes[1], planes[2]


def text(n: int) -> tuple[Plane, Plane, Plane]:
    page: Any = np.full((HEIGHT, WIDTH), 235, np.uint8)
    for row in range(9):
        place = (4 - 3 * n, 16 + 16 * row)
        cv2.putText(page, "PIN 4711 name@example " * 3, place, 0, 0.5, (20,), 1, cv2.LINE_AA)
    rough = np.random.default_rng(n).integers(0, 12, page.shape, np.uint8)
    return page - rough, *grey()


@cache
def files() -> bytes:
    """Return image files of every kind at hand, one behind the other, small and whole."""
    sheet = np.random.default_rng(7).integers(0, 256, (24, 24, 3), np.uint8)
    made = [cv2.imencode(f".{kind}", sheet)[1].tobytes()
            for kind in ("png", "jpg", "webp", "bmp", "tiff", "ppm")]  # fmt: skip
    heads = [
        b"GIF89a\x18\x00\x18\x00\x80\x00\x00",
        b"\x00\x00\x00\x20ftypavif",
        b"\x00\x00\x00\x0cjP  \r\n\x87\n",
        b"\x00\x00\x00\x0cJXL \r\n\x87\n",
        b"\x00\x00\x00\x01\x67\x42\x00\x1e",
        b"\x00\x00\x00\x01\x40\x01\x0c\x01",
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81",
    ]
    return b"".join(made + heads)


def planted(n: int) -> tuple[Plane, Plane, Plane]:
    data = np.frombuffer(files(), np.uint8)

    def filled(rows: int, columns: int) -> Plane:
        return np.resize(np.roll(data, -16 * n), (rows, columns)).astype(np.uint8)

    half = filled(HEIGHT // 2, WIDTH // 2)
    return filled(HEIGHT, WIDTH), half, half.copy()


def chequered(n: int) -> tuple[Plane, Plane, Plane]:
    rows, columns = np.indices((HEIGHT, WIDTH))
    board = np.asarray(255 * ((rows + columns + n) % 2), np.uint8)
    return with_block(board, n, np.full((SIDE, SIDE), 220, np.uint8)), *grey()


SCENES: Mapping[str, Scene] = {
    "flat": flat, "noise": noise, "text": text, "image files": planted, "chequered": chequered,
}  # fmt: skip


class Hostile:
    """A `Source` of one scene."""

    ends, dropped = True, 0

    def __init__(self, scene: Scene, frames: int = FRAMES) -> None:
        self._scene, self._frames = scene, frames
        self.views: list[Plane] = []
        """The frame's bytes in every order that there is at hand."""

    def frames(self) -> Iterator[Frame]:
        for n in range(self._frames):
            y, u, v = self._scene(n)
            rgb = cv2.cvtColor(np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(
                HEIGHT * 3 // 2, WIDTH), cv2.COLOR_YUV2RGB_I420)  # fmt: skip
            self.views += [y, y.T, u, v, rgb, rgb[:, :, ::-1]]
            yield Frame(y, Picture(y, u, v, BT601), n, n / 10, 1_790_000_000_000 + 100 * n)

    def close(self) -> None:
        pass


# --- models


def real(bundle: Bundle) -> Scripted:
    """Return an engine that asks the real model, and keeps what it was given."""
    engine = open_cpu(bundle, "auto", 1, False, nobody)

    def ask(image: Tensor) -> Outputs:
        with engine.seat() as seat:
            seat.input[...] = image
            return {role: output.copy() for role, output in seat.run().items()}

    return Scripted(bundle, ask, name="cpu")


def one_cat() -> Scripted:
    """Return a detector that sees one cat, wherever it looks."""
    heat, box = np.zeros((1, 80, 80, 16), np.uint8), np.zeros((1, 80, 80, 4), np.uint8)
    heat[0, 40, 40, CAT] = 200
    box[0, 40, 40] = DETECTOR.files["cpu"].outputs["box"].quantise(np.full(4, 60.0, np.float32))
    return Scripted(DETECTOR, [{"heat": heat, "box": box}])


def says(*vectors: Tensor) -> Scripted:
    return Scripted(VECTORS, [{"vector": np.resize(v, (1, 88)).astype(np.uint8)} for v in vectors])


def extremes() -> Scripted:
    """Return a vector model of outputs as no model gives them."""
    rng = np.random.default_rng(1003)
    ramp = np.asarray(np.arange(88) * 37 % 251, np.uint8)
    return says(ramp * 0, ramp * 0 + 255, ramp, ramp[::-1], rng.integers(0, 256, 88, np.uint8))


def copies(image: Tensor) -> Outputs:
    """Be a model that hides what it sees in its vector."""
    return {"vector": image[0, 60, 20:60].reshape(-1)[:88].reshape(1, 88).copy()}


MODELS: Mapping[str, Callable[[], Engines]] = {
    "real ones": lambda: Engines(real(DETECTOR), real(VECTORS)),
    "a real vector of a cat": lambda: Engines(one_cat(), real(VECTORS)),
    "a real vector of the whole": lambda: Engines(real(VECTORS)),
    "extreme vectors": lambda: Engines(one_cat(), extremes()),
    "extreme vectors of the whole": lambda: Engines(extremes()),
}


# --- the way to the wire


@dataclass
class Went:
    """What one scene gave rise to, and all that was seen meanwhile."""

    events: list[Event] = field(default_factory=list)
    views: list[Plane] = field(default_factory=list)


def through_the_agent(scene: Scene, engines: Engines, config: Config = EAGER) -> Went:
    went, source = Went(), Hostile(scene, 2 * FRAMES if config.motion.gate else FRAMES)
    agent = Agent(CAMERA, config, engines, ManualClock(), kernel=KERNEL)
    # Somebody asks for a look, too: it is answered whatever the gate thinks of the scene.
    agent.look_soon("a1")
    agent.run(source, went.events.append)
    went.views = source.views
    for engine in engines.all():
        assert isinstance(engine, Scripted)
        went.views += [np.asarray(image).view(np.uint8) for image in engine.saw]
    return went


def to_the_wire(told: list[Event], name: str, folder: Path) -> list[Sent]:
    """Return what a broker is handed: through outbox, publisher and encoding, as ever."""
    clock, link = ManualClock(), MemoryLink(1000)
    outbox = Outbox.open(folder, BOOT, OutboxConfig(), nobody, clock)
    encode = letters(outbox, "pi", clock, KERNEL, encoding=encoder(name, SOURCE))
    publisher = Publisher(
        outbox, link, encode, clock, MqttConfig(inflight=1000, backlog_per_s=10_000), Health()
    )
    for event in told:
        outbox.put(event.kind, events.encode(event))
    link.come_up()
    while outbox.depth:
        clock.advance(0.2)
        publisher.step()
    outbox.close()
    return link.sent


def keeps_its_bounds(sent: Sent, name: str) -> None:
    fields = read(bytes(sent.payload))
    validator_of_events().validate(fields)
    assert len(sent.payload) <= PAYLOAD_MAX_BYTES
    if name == "cbor":
        assert cddl_faults(sent.payload, "event") == ()


@cache
def validator_of_events() -> Any:  # noqa: ANN401
    return validator("event")


@pytest.mark.parametrize("models", MODELS)
@pytest.mark.parametrize("scene", SCENES)
def test_nothing_that_is_sent_holds_a_picture(scene: str, models: str, tmp_path: Path) -> None:
    config = GATED if models == "real ones" else EAGER
    went = through_the_agent(SCENES[scene], MODELS[models](), config)
    assert went.events
    said: list[bytes] = []
    for name in ENCODINGS:
        for sent in to_the_wire(went.events, name, tmp_path / name):
            keeps_its_bounds(sent, name)
            said += blobs(sent)
    assert signatures(said) == set()
    searched = Searched(said)
    for view in went.views:
        searched.look(view)
    assert searched.chance < 1e-6
    assert [hit.to_bytes(RUN, "little") for hit in searched.found] == []


@pytest.mark.parametrize("scene", SCENES)
def test_the_gates_own_numbers_hold_no_picture_either(scene: str, tmp_path: Path) -> None:
    went = through_the_agent(SCENES[scene], Engines(), GATED)
    said = [b for name in ENCODINGS for s in to_the_wire(went.events, name, tmp_path / name)
            for b in blobs(s)]  # fmt: skip
    searched = Searched(said)
    for view in went.views:
        searched.look(view)
    assert (signatures(said), searched.found) == (set(), set())


def test_every_kind_of_event_a_frame_gives_rise_to_was_put_to_the_proof() -> None:
    kinds = {e.kind for e in through_the_agent(flat, Engines(one_cat(), extremes())).events}
    kinds |= {e.kind for e in through_the_agent(flat, Engines(), GATED).events}
    assert {"motion", "object", "vector", "count", "look"} <= kinds


# --- the proof can fail


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_model_that_hides_pixels_in_its_vector_is_seen_by_the_proof(
    name: str, tmp_path: Path
) -> None:
    went = through_the_agent(noise, Engines(one_cat(), Scripted(VECTORS, copies)))
    searched = Searched([b for s in to_the_wire(went.events, name, tmp_path) for b in blobs(s)])
    for view in went.views:
        searched.look(view)
    assert len(searched.found) >= 88 - RUN + 1


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "bmp", "tiff", "ppm"])
def test_a_model_that_says_an_image_file_is_seen_by_the_proof(
    kind: str, name: str, tmp_path: Path
) -> None:
    file = cv2.imencode(f".{kind}", np.zeros((8, 8, 3), np.uint8))[1]
    went = through_the_agent(flat, Engines(one_cat(), says(file[:88])))
    said = [b for s in to_the_wire(went.events, name, tmp_path) for b in blobs(s)]
    assert len(signatures(said)) == 1


def test_every_signature_is_known_where_it_was_planted() -> None:
    assert signatures([files()]) == set(SIGNATURES)
    frame = planted(0)[0]
    assert signatures([frame.tobytes()]) == set(SIGNATURES)


def test_a_run_of_one_value_is_no_picture_and_eight_of_four_are() -> None:
    assert not is_varied(int(windows(bytes(8))[0]))
    assert is_varied(int(windows(b"\0\0\0\0\0\1\2\3")[0]))


# --- the bounds themselves


def is_unbounded(schema: Mapping[str, Any]) -> bool:
    """Return whether something of any length could stand here."""
    names = schema.get("propertyNames", {})
    bounds = {
        # 64 hex digits, no more and no less.
        "string": "maxLength" in schema or "{64}" in schema.get("pattern", ""),
        "integer": "maximum" in schema,
        "array": "maxItems" in schema or schema.get("items") is False,
        "object": schema.get("additionalProperties") is False
        or ("maxProperties" in schema and "maxLength" in names),
    }
    return not bounds.get(schema.get("type", ""), True)


def parts(schema: Mapping[str, Any], at: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a schema and all within it, each with its path."""
    yield at, schema
    inner = {key: schema.get(key) for key in ("items", "additionalProperties")}
    inner |= schema.get("properties", {}) | schema.get("$defs", {})
    several = [*schema.get("prefixItems", ()), *schema.get("anyOf", ())]
    inner |= {str(n): part for n, part in enumerate(several)}
    for key, part in inner.items():
        if isinstance(part, dict):
            yield from parts(part, f"{at}.{key}")


@pytest.mark.parametrize(
    "name", ["event", "status", "info", "stat", "state", "bench", "answer", "reported"]
)
def test_every_field_of_every_schema_has_a_bound(name: str) -> None:
    text = (resources.files("edgeagent.wire") / f"{name}.schema.json").read_text("utf-8")
    assert [at for at, part in parts(json.loads(text), name) if is_unbounded(part)] == []


def test_only_two_fields_carry_bytes_and_both_are_short() -> None:
    text = (resources.files("edgeagent.wire") / "event.schema.json").read_text("utf-8")
    fields = json.loads(text)["properties"]
    assert fields["vec"]["maxLength"] == 10924
    assert fields["mot"]["properties"]["grid"]["maxLength"] == 64
    cddl = (resources.files("edgeagent.wire") / "messages.cddl").read_text("utf-8")
    lines = [line.split(";")[0] for line in cddl.splitlines() if "bstr" in line.split(";")[0]]
    assert len(lines) == 3
    assert all(".size" in line for line in lines)
