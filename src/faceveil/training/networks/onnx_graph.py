"""An ONNX graph as a PyTorch module with gradients.

Enough operators for the convolutional face matchers of the field, so that any of them can be the
auxiliary matcher. Weights are frozen; a batch normalisation that follows a convolution is folded
into it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.errors import ModelError


class OnnxGraph(nn.Module):
    """Runs an ONNX graph with one input and returns its first output.

    Args:
        path: the ``.onnx`` file.

    Raises:
        ModelError: if the file is missing or uses an operator that is not known here.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        if not path.is_file():
            raise ModelError(f"{path}: no such file; expected an ONNX model; check the path")
        graph = onnx.load(path).graph
        weights = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.input = next(i.name for i in graph.input if i.name not in weights)
        self.output = graph.output[0].name
        nodes = _fold_batch_norms(list(graph.node), weights)
        self.nodes = [(n.op_type, list(n.input), n.output[0], _attributes(n)) for n in nodes]
        unknown = sorted({op for op, *_ in self.nodes} - set(_OPERATORS))
        if unknown:
            raise ModelError(
                f"{path}: operators {', '.join(unknown)} are not supported; expected a plain "
                f"convolutional network ({', '.join(sorted(_OPERATORS))})"
            )
        used = {name for _, inputs, _, _ in self.nodes for name in inputs}
        self.slots = {name: f"w{i}" for i, name in enumerate(sorted(used & set(weights)))}
        for name, slot in self.slots.items():
            self.register_buffer(slot, torch.from_numpy(np.array(weights[name])))

    def forward(self, image: Tensor) -> Tensor:
        """The graph's first output for ``image``, in whatever layout the graph expects."""
        values: dict[str, Tensor] = {self.input: image}
        values |= {name: self.get_buffer(slot) for name, slot in self.slots.items()}
        for op, inputs, output, attributes in self.nodes:
            values[output] = _OPERATORS[op]([values[i] for i in inputs], attributes)
        return values[self.output]


def _fold_batch_norms(nodes: list[onnx.NodeProto], weights: dict[str, Any]) -> list[onnx.NodeProto]:
    """Fold each BatchNormalization into the convolution that alone feeds it."""
    producers = {n.output[0]: n for n in nodes}
    uses = Counter(i for n in nodes for i in n.input)
    kept = []
    for node in nodes:
        conv = producers.get(node.input[0]) if node.input else None
        if (
            node.op_type != "BatchNormalization"
            or conv is None
            or conv.op_type != "Conv"
            or uses[node.input[0]] != 1
        ):
            kept.append(node)
            continue
        scale, bias, mean, variance = (weights[name] for name in node.input[1:5])
        factor = scale / np.sqrt(variance + _attributes(node).get("epsilon", 1e-5))
        kernel, new_bias = f"{node.name}/folded_w", f"{node.name}/folded_b"
        before = weights[conv.input[2]] if len(conv.input) > 2 else 0.0
        weights[kernel] = (weights[conv.input[1]] * factor[:, None, None, None]).astype(np.float32)
        weights[new_bias] = ((before - mean) * factor + bias).astype(np.float32)
        del conv.input[1:]
        conv.input.extend([kernel, new_bias])
        conv.output[0] = node.output[0]
    return kept


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _conv(x: list[Tensor], a: dict[str, Any]) -> Tensor:
    image, pads = x[0], a.get("pads", [0, 0, 0, 0])
    if pads[:2] != pads[2:]:
        image = F.pad(image, (pads[1], pads[3], pads[0], pads[2]))
        pads = [0, 0, 0, 0]
    bias = x[2] if len(x) > 2 else None
    return F.conv2d(
        image,
        x[1],
        bias,
        stride=tuple(a.get("strides", [1, 1])),
        padding=tuple(pads[:2]),
        dilation=tuple(a.get("dilations", [1, 1])),
        groups=a.get("group", 1),
    )


def _batch_norm(x: list[Tensor], a: dict[str, Any]) -> Tensor:
    return F.batch_norm(x[0], x[3], x[4], x[1], x[2], eps=a.get("epsilon", 1e-5))


def _gemm(x: list[Tensor], a: dict[str, Any]) -> Tensor:
    left = x[0].t() if a.get("transA", 0) else x[0]
    right = x[1].t() if a.get("transB", 0) else x[1]
    out = a.get("alpha", 1.0) * (left @ right)
    full: Tensor = out + a.get("beta", 1.0) * x[2] if len(x) > 2 else out
    return full


_OPERATORS: dict[str, Any] = {
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "Gemm": _gemm,
    "PRelu": lambda x, a: F.prelu(x[0], x[1].flatten()),
    "Relu": lambda x, a: F.relu(x[0]),
    "Add": lambda x, a: x[0] + x[1],
    "Sub": lambda x, a: x[0] - x[1],
    "Mul": lambda x, a: x[0] * x[1],
    "MatMul": lambda x, a: x[0] @ x[1],
    "Flatten": lambda x, a: x[0].flatten(a.get("axis", 1)),
    "Identity": lambda x, a: x[0],
}
