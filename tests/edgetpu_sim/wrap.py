"""Makes of a CPU model one that looks compiled for the Edge TPU, for the simulator alone.

All operators but the last few become one ``edgetpu-custom-op``, whose options are a mark and a
whole CPU model of those operators; the rest stays, as the real compiler leaves what it cannot
take (``TFLite_Detection_PostProcess``) on the CPU. As a command:
``python -m tests.edgetpu_sim.wrap CPU.tflite COMPILED.tflite [--tail N]``.
"""

import argparse
import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

MARK = b"ETPUSIM1"
OPERATOR = b"edgetpu-custom-op"


def wrap_file(cpu: Path, compiled: Path, tail: int = 0) -> Path:
    """Write ``compiled`` from the model in ``cpu`` and return its path; see `wrap`."""
    compiled.write_bytes(wrap(cpu.read_bytes(), tail))
    return compiled


def wrap(content: bytes, tail: int = 0) -> bytes:
    """Return ``content`` with all but its last ``tail`` operators in one custom operator.

    Raises:
        ValueError: the model has more than one graph.
    """
    model = _load(content)
    if len(model.subgraphs) != 1:
        raise ValueError(f"the model has {len(model.subgraphs)} graphs; 1 is allowed")
    operators = list(model.subgraphs[0].operators)
    split = len(operators) - tail
    handed_on = _handed_on(model.subgraphs[0], operators[:split], operators[split:])
    inner = _inner(model, operators[:split], handed_on) if tail else content
    outer = _Outer(model)
    outer.take_over(inner, handed_on)
    for operator in operators[split:]:
        outer.keep(operator)
    return _dump(outer.finish())


def _handed_on(graph: Any, body: list[Any], rest: list[Any]) -> list[int]:  # noqa: ANN401
    """Return the tensors that the body makes and something after it reads."""
    if not rest:
        return [int(tensor) for tensor in graph.outputs]
    made = {int(tensor) for operator in body for tensor in operator.outputs}
    read = [int(tensor) for operator in rest for tensor in operator.inputs]
    wanted = [*read, *(int(tensor) for tensor in graph.outputs)]
    return [tensor for tensor in dict.fromkeys(wanted) if tensor in made]


def _inner(model: Any, body: list[Any], outputs: list[int]) -> bytes:  # noqa: ANN401
    inner = copy.deepcopy(model)
    inner.subgraphs[0].operators = body
    inner.subgraphs[0].outputs = outputs
    inner.signatureDefs = None
    return _dump(inner)


class _Outer:
    """The model being made, with the tensors that are still of use in it."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        self._from = model
        self._indices: dict[int, int] = {}
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = b"edgetpu-sim"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.name = model.subgraphs[0].name
        self.graph.tensors = []
        self.graph.operators = []

    def take_over(self, inner: bytes, outputs: list[int]) -> None:
        """Add the custom operator that holds ``inner``."""
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = OPERATOR
        code.version = 1
        operator = schema.OperatorT()
        operator.inputs = self._tensors(self._from.subgraphs[0].inputs)
        operator.outputs = self._tensors(outputs)
        operator.customOptions = list(MARK + inner)
        operator.customOptionsFormat = 0
        self.graph.inputs = operator.inputs
        self._add(operator, code)

    def keep(self, operator: Any) -> None:  # noqa: ANN401
        """Add an operator of the old model as it is."""
        kept = copy.copy(operator)
        kept.inputs = self._tensors(operator.inputs)
        kept.outputs = self._tensors(operator.outputs)
        self._add(kept, self._from.operatorCodes[operator.opcodeIndex])

    def finish(self) -> Any:  # noqa: ANN401
        """Return the whole model."""
        self.graph.outputs = self._tensors(self._from.subgraphs[0].outputs)
        self.model.subgraphs = [self.graph]
        self.model.signatureDefs = copy.deepcopy(self._from.signatureDefs)
        for signature in self.model.signatureDefs or []:
            for place in [*(signature.inputs or []), *(signature.outputs or [])]:
                place.tensorIndex = self._indices[place.tensorIndex]
        return self.model

    def _add(self, operator: Any, code: Any) -> None:  # noqa: ANN401
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        self.graph.operators.append(operator)

    def _tensors(self, tensors: Iterable[int]) -> list[int]:
        return [self._tensor(int(tensor)) for tensor in tensors]

    def _tensor(self, tensor: int) -> int:
        if tensor < 0:
            return tensor
        if tensor not in self._indices:
            kept = copy.copy(self._from.subgraphs[0].tensors[tensor])
            kept.buffer = self._buffer(kept.buffer)
            self._indices[tensor] = len(self.graph.tensors)
            self.graph.tensors.append(kept)
        return self._indices[tensor]

    def _buffer(self, buffer: int) -> int:
        data = self._from.buffers[buffer].data
        if data is None or len(data) == 0:
            return 0
        self.model.buffers.append(self._from.buffers[buffer])
        return len(self.model.buffers) - 1


def _load(content: bytes) -> Any:  # noqa: ANN401
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def _dump(model: Any) -> bytes:  # noqa: ANN401
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def main() -> None:
    """Be the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.edgetpu_sim.wrap")
    parser.add_argument("cpu", type=Path)
    parser.add_argument("compiled", type=Path)
    parser.add_argument("--tail", type=int, default=0)
    args = parser.parse_args()
    wrap_file(args.cpu, args.compiled, args.tail)


if __name__ == "__main__":
    main()
