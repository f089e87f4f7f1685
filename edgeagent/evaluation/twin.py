"""A float file in the place of a bundle's quantised one, asked and decoded as that would be."""

from dataclasses import replace
from pathlib import Path

from edgeagent.adding.anatomy import examine
from edgeagent.adding.guess import guess
from edgeagent.errors import BundleError
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import TensorSpec


def float_twin(bundle: Bundle, path: Path) -> Bundle:
    """Return ``bundle`` with the float model in ``path`` as its only file, for the CPU.

    What a byte of a picture is to it follows from the quantised input: that takes the byte, and
    its scale and zero point say which real number it stands for.

    Raises:
        BundleError: the file is no model, or not of one kind with the bundle.
    """
    model = examine(path)
    found = guess(model, bundle.labels, bundle.task)
    if found.decoder != bundle.decoder:
        raise BundleError(
            f"{path}: {found.why}, but {bundle.name} is read by the decoder {bundle.decoder!r}; "
            "give the float model that the bundle was quantised from"
        )
    outputs = {role: model.outputs[place].spec for role, place in found.roles.items()}
    taken = _taken(model.inputs[0].spec, bundle.some_file.input)
    file = ModelFile(path, model.size_bytes, model.sha256, taken, outputs)
    return replace(bundle, files={"cpu": file})


def _taken(own: TensorSpec, quantised: TensorSpec) -> TensorSpec:
    if own.dtype != "float32":
        return own
    # An int8 model's value is the byte less 128.
    shift = 128 if quantised.dtype == "int8" else 0
    zero_point = quantised.zero_point + shift
    return replace(own, scale=quantised.scale, zero_point=zero_point)
