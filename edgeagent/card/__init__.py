"""The model card: what a bundle's manifest and its evaluation say, for people, always the same way.

``CARD.md`` holds nothing that is not in the bundle elsewhere: it is made from there, never written.
"""

from collections.abc import Iterator, Sequence

from edgeagent.card.quality import Quality, quality_of
from edgeagent.contents import CARD
from edgeagent.model import ANY_AGENT, Bundle, ModelFile
from edgeagent.pedigree import Data
from edgeagent.tensor import TensorSpec

_DOES = {
    "classify": "Says which of its labels a picture is of",
    "detect": "Says which of its labels are in a picture, and where",
    "embed": "Turns a picture into a vector, by which the same thing can be known again",
}
_USES = {"train": "trained on", "calibrate": "quantised by", "judge": "judged by"}


def card(bundle: Bundle) -> str:
    """Return the text of ``CARD.md``.

    Raises:
        BundleError: its evaluation is none, or of another model.
    """
    parts = (
        _head(bundle), _tensors(bundle), _made(bundle), _measured(quality_of(bundle)),
        _checked(bundle), _end(),
    )  # fmt: skip
    return "\n".join(line for part in parts for line in part) + "\n"


def card_fault(bundle: Bundle) -> str:
    """Return what is wrong with the bundle's card, "" where nothing is, or where it has none."""
    path = bundle.folder / CARD
    if not path.is_file() or path.read_bytes() == card(bundle).encode():
        return ""
    return f"{path}: is not what the manifest says; make it anew: edgeagent models card"


def _head(bundle: Bundle) -> Iterator[str]:
    labels = f": {', '.join(bundle.labels[:40])}" if bundle.labels else ""
    more = f" and {len(bundle.labels) - 40} more" if len(bundle.labels) > 40 else ""
    yield from (f"# {bundle.name} {bundle.version}", f"{_DOES[bundle.task]}{labels}{more}.", "")
    yield from _rows("", "")
    known = (("labels", str(len(bundle.labels))),) if bundle.labels else ()
    agent = "any" if bundle.least_agent == ANY_AGENT else f"{bundle.least_agent} and newer"
    for told in (
        ("task", bundle.task), ("decoder", bundle.decoder), *known,
        ("licence", bundle.licence), ("origin", bundle.origin), ("edgeagent", agent),
    ):  # fmt: skip
        yield _row(*told)


def _tensors(bundle: Bundle) -> Iterator[str]:
    yield from ("", "## Files and tensors")
    for device, file in bundle.files.items():
        yield f"For `{device}`: `{file.path.name}`, {file.size_bytes:,} bytes, `{file.sha256}`."
        yield ""
        yield from _rows("role", "name in the file", "shape", "type", "scale", "zero point")
        yield from _specs(file)
        yield ""


def _specs(file: ModelFile) -> Iterator[str]:
    for role, spec in (("input", file.input), *sorted(file.outputs.items())):
        yield _row(role, *_spec(spec))


def _spec(spec: TensorSpec) -> tuple[str, ...]:
    shape = " x ".join(map(str, spec.shape))
    quantised = (f"{spec.scale:.8g}", str(spec.zero_point)) if spec.scale else ("", "")
    return f"`{spec.name}`", shape, spec.dtype, *quantised


def _made(bundle: Bundle) -> Iterator[str]:
    yield "## What it was made of"
    if not bundle.data:
        yield "Nobody has said."
        return
    yield from _rows("", "pictures", "how many", "sha256", "licence")
    yield from (_data(one) for one in bundle.data)


def _data(data: Data) -> str:
    known = f"{data.pictures:,}" if data.pictures else "not known"
    digest = f"`{data.sha256}`" if data.sha256 else "not known"
    return _row(_USES[data.use], data.name, known, digest, data.licence)


def _measured(found: Quality | None) -> Iterator[str]:
    yield from ("", "## How good it is")
    if found is None:
        yield "Nobody has measured it: `edgeagent models eval`, then `edgeagent models card`."
        return
    sim = " (EDGETPU-SIM, no Edge TPU)" if found.engine == "sim" else ""
    yield f"On {found.engine}{sim}, by {found.pictures:,} pictures (`{found.data}`);"
    yield "in brackets, between what 95 of 100 draws lie."
    yield ""
    yield from _rows("slice", "n", *found.metrics)
    for part in found.parts:
        told = (part.figures.get(name) for name in found.metrics)
        cells = (f"{f[0]:.3f} ({f[1]:.3f} to {f[2]:.3f})" if f else "-" for f in told)
        yield _row(part.name, str(part.examples), *cells)


def _checked(bundle: Bundle) -> Iterator[str]:
    yield from ("", "## What else is in it")
    if not bundle.contents:
        yield "Nobody has listed it."
        return
    slack = bundle.golden
    told = {
        "classify": f"scores may differ by {slack.score:g}",
        "detect": f"scores may differ by {slack.score:g}, boxes overlap by {slack.iou:g}",
        "embed": f"cosine {slack.cosine:g}",
    }[bundle.task]
    yield f"Golden inputs and outputs are in `golden/`; elsewhere {told}."
    yield ""
    yield from _rows("file", "sha256")
    for one in bundle.contents:
        yield _row(f"`{one.path.relative_to(bundle.folder)}`", f"`{one.sha256}`")


def _end() -> Iterator[str]:
    yield from ("", "Made from `manifest.toml` and `evaluation.json` by `edgeagent models card`.")


def _rows(*heads: str) -> Sequence[str]:
    return _row(*heads), "|" + "---|" * len(heads)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    # One line, and no cell more: what a label or an origin says is not ours.
    return " ".join(text.replace("|", "\\|").split())
