"""Freeing an ONNX file's sizes: checked with the onnx package and by running it."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the dev extra")
import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from faceveil.runtime.onnx_dims import free_image_size  # noqa: E402


def model():
    weight = numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "w")
    shape = [10, 3, 32, 32]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3, 3, 3]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [10, 2, 32, 32])
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    graph = helper.make_graph([node], "g", inputs, [output], [weight])
    imports = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()


def test_sizes_are_free_and_nothing_else_changes():
    freed = onnx.load_from_string(free_image_size(model()))
    onnx.checker.check_model(freed)
    assert [i.name for i in freed.graph.input] == ["x"]
    dims = freed.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value or d.dim_param for d in dims] == ["x_0", 3, "x_2", "x_3"]
    original = onnx.load_from_string(model())
    assert freed.graph.node == original.graph.node
    assert freed.graph.initializer == original.graph.initializer


def test_runs_at_other_sizes():
    session = ort.InferenceSession(free_image_size(model()))
    (out,) = session.run(None, {"x": np.ones((1, 3, 5, 9), np.float32)})
    assert out.shape == (1, 2, 5, 9)
    assert out[0, 0, 2, 4] == 27


@pytest.mark.parametrize("bad", [b"\xff\xff", b"\x3a\xff\x01abc", b"\x07"])
def test_garbage(bad):
    with pytest.raises(ValueError, match="not an ONNX file"):
        free_image_size(bad)
