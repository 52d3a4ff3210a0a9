"""ONNX graphs as PyTorch modules: equal to ONNX Runtime, with gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
onnx = pytest.importorskip("onnx", reason="needs the train extra")
import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from faceveil.errors import ModelError  # noqa: E402
from faceveil.training.networks.onnx_graph import OnnxGraph  # noqa: E402


def small_graph(path, last="Relu", side=8):
    rng = np.random.default_rng(0)

    def const(name, *shape, low=-1.0):
        value = rng.uniform(low, 1, shape).astype(np.float32)
        return numpy_helper.from_array(value, name)

    weights = [
        const("w", 6, 3, 3, 3),
        const("s", 6, low=0.5),
        const("b", 6),
        const("m", 6),
        const("v", 6, low=0.1),
        const("slope", 6, 1, 1),
        const("dw", 6, 1, 3, 3),
        const("fc", 4, 6 * (side // 2) ** 2),
        const("fcb", 4),
    ]
    pads, stride = {"pads": [1, 1, 1, 1]}, {"strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], **pads, **stride),
        helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], name="bn"),
        helper.make_node("PRelu", ["n", "slope"], ["p"]),
        helper.make_node("Conv", ["p", "dw"], ["d"], kernel_shape=[3, 3], group=6, **pads),
        helper.make_node("Add", ["d", "p"], ["a"]),
        helper.make_node(last, ["a"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "fc", "fcb"], ["y"], transB=1, alpha=0.5),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def test_equals_onnx_runtime_and_has_gradients(tmp_path):
    path = small_graph(tmp_path / "g.onnx")
    x = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1), requires_grad=True)
    out = OnnxGraph(path)(x)
    (expected,) = ort.InferenceSession(path).run(None, {"x": x.detach().numpy()})
    np.testing.assert_allclose(out.detach().numpy(), expected, atol=1e-5)
    out.sum().backward()
    assert float(x.grad.abs().sum()) > 0


def test_gradient_is_right(tmp_path):
    graph = OnnxGraph(small_graph(tmp_path / "g.onnx")).double()
    x = torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(graph, (x,), atol=1e-6)


def test_unknown_operator_is_named(tmp_path):
    with pytest.raises(ModelError, match="Softplus"):
        OnnxGraph(small_graph(tmp_path / "g.onnx", last="Softplus"))


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        OnnxGraph(tmp_path / "none.onnx")
