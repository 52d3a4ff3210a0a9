"""A SAN's graph with its heavy convolutions in 8 bits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Feed = dict[str, NDArray[np.float32]]


class _Feeds(CalibrationDataReader):
    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def quantised(source: Path, target: Path, feeds: Iterable[Feed]) -> None:
    """Write a graph in 8 bits: activations by range over the feeds, weights by channel.

    Only the 256-to-128 convolutions of the decoder, nine tenths of the arithmetic, are quantised:
    the first layers see the face itself and the combiner makes the output.

    Args:
        source: an exported :class:`SANInference`.
        target: the file to write.
        feeds: inputs to calibrate on.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(plain)
        options.log_severity_level = 3
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(plain).graph
        shapes = {t.name: tuple(t.dims) for t in graph.initializer}
        heavy = [
            n.name
            for n in graph.node
            if n.op_type == "Conv" and shapes.get(n.input[1], ())[:2] == (128, 256)
        ]
        if not heavy:
            raise ValueError(f"{source}: no convolution of 256 to 128 maps; expected a SAN")
        quantize_static(
            plain,
            target,
            _Feeds(feeds),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_quantize=heavy,
        )
