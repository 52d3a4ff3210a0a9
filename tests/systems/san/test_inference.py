"""The network that is exported equals the plain one, which upsamples and convolves."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.san.inference import SANInference  # noqa: E402
from faceveil.systems.san.network import SAN  # noqa: E402
from faceveil.systems.san.prototypes import PrototypeSAN  # noqa: E402

SIDE = 32


def plain(*, anchored, channels=3, scale=1.0, smoothing=0.0):
    torch.manual_seed(5)
    parts = [SAN(rewrite=False, prototype_channels=channels, prototype_scale=scale)]
    parts.append(SAN(rewrite=False, prototype_channels=channels, prototype_scale=2.0))
    for part in parts:  # prototypes that count, so that a wrong one shows
        with torch.no_grad():
            part.combiner.weight[:, 128:] += 0.5
    faces = torch.rand(2, channels, SIDE, SIDE)
    return PrototypeSAN(parts[0], faces, smoothing, parts[1] if anchored else None).eval()


def feed(count=4):
    rng = torch.Generator().manual_seed(1)
    image = torch.rand(count, 1, SIDE, SIDE, generator=rng)
    theta = torch.eye(2, 3) + 0.1 * torch.randn(count, 2, 3, generator=rng)
    male = torch.tensor([0.0, 1.0, 1.0, 0.0])[:count]
    target = torch.tensor([1.0, 0.0, 0.46, 0.0])[:count]
    return image, male, target, theta


@pytest.mark.parametrize(
    "made",
    [
        {"anchored": False},
        {"anchored": True},
        {"anchored": True, "scale": 10.0, "smoothing": 1.5},
        {"anchored": False, "channels": 1, "smoothing": 0.7},
    ],
)
def test_equals_the_plain_network(made):
    model = plain(**made)
    with torch.no_grad():
        expected = model(*feed())
        got = SANInference(model)(*feed())
        other = SANInference(model)(feed()[0], feed()[1], 1 - feed()[2], feed()[3])
    assert torch.allclose(got, expected, atol=1e-6, rtol=0)
    assert float((other - expected).abs().max()) > 1e-3  # the target makes a difference


def test_exported_graph_equals_the_plain_network(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    import onnxruntime as ort

    from faceveil.training.export import export_onnx

    model = plain(anchored=True, scale=10.0)
    names = ("image", "male", "target", "theta")
    path = tmp_path / "san.onnx"
    export_onnx(SANInference(model), dict(zip(names, feed(2), strict=True)), "output", path)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = dict(zip(names, (x.numpy() for x in feed(4)), strict=True))
    with torch.no_grad():
        expected = model(*feed(4)).numpy()
    np.testing.assert_allclose(session.run(None, given)[0], expected, atol=1e-6, rtol=0)
    # What makes it fast: no map of the decoder is interleaved or enlarged.
    shapes = onnx.shape_inference.infer_shapes(onnx.load(path)).graph.value_info
    sizes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in shapes}
    shuffled = [n for n in onnx.load(path).graph.node if n.op_type == "DepthToSpace"]
    assert len(shuffled) == 2
    assert all(sizes[n.output[0]][1] == 1 for n in shuffled)


def test_a_wide_combiner_is_refused():
    with pytest.raises(ValueError, match="expected 1"):
        SANInference(PrototypeSAN(SAN(3), torch.rand(2, 3, SIDE, SIDE)))
