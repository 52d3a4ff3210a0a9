"""The count of multiply-adds behind ``benchmarks/floor.py``, against loops."""

import numpy as np
import onnx
import pytest
from benchmarks.floor import at_one, least_bytes, multiply_adds
from onnx import TensorProto, helper, numpy_helper

from faceveil.inference.card import WEIGHTS


def network():
    """A grouped convolution with stride, its transpose, and a product."""
    rng = np.random.default_rng(0)
    weights = {"w": (6, 2, 3, 3), "t": (6, 5, 2, 2), "m": (7, 11)}
    values = [
        numpy_helper.from_array(rng.random(s, np.float32), name) for name, s in weights.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], group=2, strides=[2, 2]),
        helper.make_node("ConvTranspose", ["y", "t"], ["z"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["z"], ["p"]),
        helper.make_node("MatMul", ["q", "m"], ["r"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 9, 11]),
        helper.make_tensor_value_info("q", TensorProto.FLOAT, ["batch", 7]),
    ]
    outputs = [
        helper.make_tensor_value_info("p", TensorProto.FLOAT, ["batch", 5, 1, 1]),
        helper.make_tensor_value_info("r", TensorProto.FLOAT, ["batch", 11]),
    ]
    graph = helper.make_graph(nodes, "network", inputs, outputs, values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def test_multiply_adds_by_loops():
    count = 0
    for _ in np.ndindex(6, 4, 5):  # each output of the convolution: 2 channels of its group, 3 x 3
        count += 2 * 3 * 3
    for _ in np.ndindex(6, 4, 5):  # each input of the transpose goes to 5 channels, 2 x 2
        count += 5 * 2 * 2
    count += 7 * 11
    assert multiply_adds(at_one(network())) == count


def test_least_bytes():
    numbers = 6 * 2 * 9 + 6 * 5 * 4 + 7 * 11  # weights
    numbers += 4 * 9 * 11 + 7 + 5 + 11  # inputs and outputs
    assert least_bytes(at_one(network())) == 4 * numbers


@pytest.mark.parametrize("name", ["san", "ensemble_1", "landmarks", "noise_1"])
def test_shipped_graphs_have_known_shapes(name):
    """No product of unknown shape is passed over."""
    model = at_one(onnx.load(str(WEIGHTS / f"{name}.onnx")))
    assert multiply_adds(model) > 1e7


def test_unknown_shapes_are_an_error():
    model = network()
    del model.graph.node[0].attribute[:]
    model.graph.node[0].op_type, model.graph.node[0].domain = "Unknown", "elsewhere"
    with pytest.raises((KeyError, onnx.shape_inference.InferenceError)):
        multiply_adds(at_one(model))
