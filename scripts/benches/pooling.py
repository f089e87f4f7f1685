"""A model that does next to nothing: it pools a picture, and takes as little time as one can."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from edgeagent.model import Bundle, ModelFile, bundles_folder, find_bundle
from edgeagent.tensor import TensorSpec

POOL_PX = 16
SCALE = 1 / 256


def bundle(folder: Path, edge_px: int) -> Bundle:
    """Return a bundle of a model for ``edge_px`` square pictures; its file is put into ``folder``.

    It calls itself an extractor; its vector is the picture pooled over squares of 16 pixels.
    """
    pooled = edge_px // POOL_PX
    taken = TensorSpec("image", (1, edge_px, edge_px, 3), "uint8", SCALE, 0)
    given = TensorSpec("pooled", (1, pooled, pooled, 3), "uint8", SCALE, 0)
    path = folder / f"pool-{edge_px}.tflite"
    data = _model(taken, given)
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    file = ModelFile(path, len(data), sha256, taken, {"vector": given})
    like = find_bundle("embed88-128", [bundles_folder()])
    return replace(like, name=path.stem, files={"cpu": file})


def _model(taken: TensorSpec, given: TensorSpec) -> bytes:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.AVERAGE_POOL_2D
    code.version = 2
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(taken), _tensor(given)]
    graph.inputs, graph.outputs, graph.operators = [0], [1], [_pool()]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _tensor(spec: TensorSpec) -> Any:  # noqa: ANN401
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = spec.name, list(spec.shape), schema.TensorType.UINT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [spec.scale], [spec.zero_point]
    return tensor


def _pool() -> Any:  # noqa: ANN401
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = options.filterWidth = options.filterHeight = POOL_PX
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0], [1]
    operator.builtinOptionsType = schema.BuiltinOptions.Pool2DOptions
    operator.builtinOptions = options
    return operator
