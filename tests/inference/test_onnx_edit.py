"""Changes to ONNX files: checked with the onnx package and by running them."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the dev extra")
import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from faceveil.inference.onnx_edit import fix_input, free_image_size  # noqa: E402


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


def scaled():
    """y = x * s, s being one number a picture."""
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 4, 4]),
        helper.make_tensor_value_info("s", TensorProto.FLOAT, ["n"]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1, 4, 4])
    axes = numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes")
    nodes = [
        helper.make_node("Unsqueeze", ["s", "axes"], ["t"]),
        helper.make_node("Mul", ["x", "t"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", values, [output], [axes])
    imports = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()


def test_an_input_becomes_a_constant():
    changed = fix_input(scaled(), "s", 0.25)
    read = onnx.load_from_string(changed)
    onnx.checker.check_model(read)
    assert [i.name for i in read.graph.input] == ["x"]
    (tensor,) = [t for t in read.graph.initializer if t.name == "s"]
    np.testing.assert_array_equal(numpy_helper.to_array(tensor), np.float32([0.25]))
    assert read.graph.node == onnx.load_from_string(scaled()).graph.node
    x = np.random.default_rng(0).random((3, 1, 4, 4), np.float32)
    (y,) = ort.InferenceSession(changed).run(None, {"x": x})
    np.testing.assert_array_equal(y, x / 4)


def test_an_input_that_is_not_there():
    with pytest.raises(ValueError, match="no input 'target'"):
        fix_input(scaled(), "target", 1.0)
