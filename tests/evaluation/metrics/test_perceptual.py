"""PI and LPIPS: the formulas, and a network of the user's own."""

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.evaluation.metrics.perceptual import lpips, lpips_of_features, perceptual_index

RNG = np.random.default_rng(0)


def test_pi_of_gender_an():
    """With Ma = 5.78 its NIQE of 5.2063 gives the PI that its Table V prints."""
    assert perceptual_index(5.7777, 5.2063) == pytest.approx(4.7143, abs=1e-3)


@pytest.mark.parametrize(("ma", "niqe"), [(10.98, 5.0), (-1, 5.0), (5.0, -1), (np.nan, 5.0)])
def test_pi_refuses_what_is_no_score(ma, niqe):
    with pytest.raises(OptionError, match="PI"):
        perceptual_index(ma, niqe)


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
    for maps, others, layers in (
        ([a], [b], [w[:2]]),
        ([a], [b, b], [w]),
        ([], [], []),
        ([a], [b], [-w]),
    ):
        with pytest.raises(OptionError, match="LPIPS"):
            lpips_of_features(maps, others, layers)


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


@pytest.fixture
def layers(tmp_path):
    """A network of two layers: the picture, and its every second pixel less 1."""
    onnx = pytest.importorskip("onnx", reason="needs the dev extra")
    h, shape, kind = onnx.helper, [1, 3, None, None], onnx.TensorProto.FLOAT
    nodes = [
        h.make_node("Identity", ["a"], ["fine"]),
        h.make_node("MaxPool", ["a"], ["pooled"], kernel_shape=[1, 1], strides=[2, 2]),
        h.make_node("Sub", ["pooled", "one"], ["coarse"]),
    ]
    start = [h.make_tensor_value_info("a", kind, shape)]
    ends = [h.make_tensor_value_info(n, kind, shape) for n in ("fine", "coarse")]
    one = [h.make_tensor("one", kind, [1], [1.0])]
    graph = h.make_graph(nodes, "g", start, ends, one)
    opset = [h.make_opsetid("", 18)]
    onnx.save(h.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "layers.onnx")
    return tmp_path / "layers.onnx"


def test_feature_maps_and_weights_of_the_users(layers, model):
    a, b = RNG.integers(0, 256, (2, 8, 6, 3), dtype=np.uint8)
    w = {"coarse": np.array([1.0, 2, 0]), "fine": np.array([0.5, 0, 3])}
    path = layers.with_name("w.npz")
    np.savez(path, **w)
    x, y = (v.transpose(2, 0, 1) / 127.5 - 1 for v in (a, b))
    maps = [[v, v[:, ::2, ::2] - 1] for v in (x, y)]
    expected = lpips_of_features(*maps, [w["fine"], w["coarse"]])
    assert lpips(a, b, layers, path) == pytest.approx(expected, rel=1e-5)
    assert lpips(a, a, layers, path) == pytest.approx(0, abs=1e-9)
    for network, weights in ((layers, None), (model, path)):
        with pytest.raises(OptionError, match="pictures"):
            lpips(a, b, network, weights)
    with pytest.raises(OptionError, match="no such file"):
        lpips(a, b, layers, path.with_name("gone.npz"))
    np.savez(path, fine=w["fine"])
    with pytest.raises(OptionError, match="coarse"):
        lpips(a, b, layers, path)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(OptionError, match="npz"):
        lpips(a, b, layers, path)
    np.savez(path, fine=np.array([{}], object), coarse=w["coarse"])
    with pytest.raises(OptionError, match="npz"):
        lpips(a, b, layers, path)
