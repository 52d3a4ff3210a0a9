"""Constants of an exported network: bytes behind its own."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the train extra")
pytest.importorskip("torch", reason="needs the train extra")
import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from faceveil.inference.card import WEIGHTS, card_beside  # noqa: E402
from faceveil.training.export import constants  # noqa: E402


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
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()


def test_an_input_becomes_a_constant():
    found = constants("s", (0.25, 2))
    assert list(found) == ["s"]
    assert list(found["s"]) == ["0.25", "2.0"]
    x = np.random.default_rng(0).random((3, 1, 4, 4), np.float32)
    for value, digits in found["s"].items():
        changed = scaled() + bytes.fromhex(digits)
        read, before = onnx.load_from_string(changed), onnx.load_from_string(scaled())
        assert read.graph.node == before.graph.node
        session = ort.InferenceSession(changed)
        assert [i.name for i in session.get_inputs()] == ["x"]
        assert session.get_overridable_initializers() == []  # so it can be worked out beforehand
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], x * np.float32(value))


def test_the_default_protector_has_those_of_all_targets():
    card = card_beside(WEIGHTS / "adaptive.onnx")
    assert card["constants"] == constants("target", (0.0, 0.5, 1.0))
