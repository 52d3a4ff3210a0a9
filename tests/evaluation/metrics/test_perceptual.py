"""PI and LPIPS: the formulas, and a network of the user's own."""

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.evaluation.metrics.perceptual import lpips, lpips_of_features, perceptual_index

RNG = np.random.default_rng(0)


def test_pi_of_gender_an():
    """With Ma = 5.78 its NIQE of 5.2063 gives the PI that its Table V prints."""
    assert perceptual_index(5.7777, 5.2063) == pytest.approx(4.7143, abs=1e-3)


def test_lpips_by_hand():
    a, b = RNG.normal(size=(2, 3, 4, 5))
    w = np.array([0.2, 0.0, 1.5])
    expected = 0.0
    for y in range(4):
        for x in range(5):
            p, q = (v[:, y, x] / np.linalg.norm(v[:, y, x]) for v in (a, b))
            expected += (w * (p - q) ** 2).sum() / 20
    assert lpips_of_features([a], [b], [w]) == pytest.approx(expected)
    assert lpips_of_features([a, b], [b, a], [w, w]) == pytest.approx(2 * expected)
    assert lpips_of_features([a], [3 * a], [w]) == pytest.approx(0, abs=1e-12)
    with pytest.raises(OptionError, match="LPIPS"):
        lpips_of_features([a], [b], [w[:2]])


@pytest.fixture
def model(tmp_path):
    """The mean absolute difference, as a network."""
    onnx = pytest.importorskip("onnx", reason="needs the dev extra")
    h, shape = onnx.helper, [1, 3, None, None]
    kind = onnx.TensorProto.FLOAT
    nodes = [
        h.make_node("Sub", ["a", "b"], ["d"]),
        h.make_node("Abs", ["d"], ["e"]),
        h.make_node("ReduceMean", ["e"], ["out"], keepdims=0),
    ]
    ends = [h.make_tensor_value_info(n, kind, shape) for n in "ab"]
    graph = h.make_graph(nodes, "g", ends, [h.make_tensor_value_info("out", kind, [])])
    opset = [h.make_opsetid("", 18)]
    onnx.save(h.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_a_network_of_the_users(model):
    a, b = RNG.integers(0, 256, (2, 9, 7, 3), dtype=np.uint8)
    assert lpips(a, b, model) == pytest.approx(np.abs(a.astype(float) - b).mean() / 127.5, rel=1e-5)
    with pytest.raises(OptionError, match="LPIPS"):
        lpips(a, b[:5], model)
    with pytest.raises(ModelError, match="no such file"):
        lpips(a, b, model.with_name("gone.onnx"))
