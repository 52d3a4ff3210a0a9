"""SAN: shapes of the paper, the exact rewriting, the three outputs."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.san.network import SAN, upsampled_conv3x3  # noqa: E402


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def faces(generator, size=32, n=2):
    image = torch.rand(n, 1, size, size, generator=generator)
    prototypes = [torch.rand(n, 3, size, size, generator=generator) for _ in range(3)]
    return image, prototypes


def test_parameter_count_is_the_official_codes():
    assert sum(p.numel() for p in SAN().parameters()) == 324_248


def test_shapes_of_the_paper_at_224():
    net = SAN()
    seen = {}
    for name in ("encoder1", "encoder2", "decoder1"):
        getattr(net, name).register_forward_hook(
            lambda m, i, o, name=name: seen.__setitem__(name, tuple(o.shape[1:]))
        )
    image, proto = torch.rand(1, 1, 224, 224), torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        features = net.features(image, proto)
        out = net.combine(features, proto)
    # SAN 2.2.1: 56x56x12 after the encoder's second pooling, 128 maps before the combiner.
    assert seen == {
        "encoder1": (8, 224, 224),
        "encoder2": (12, 112, 112),
        "decoder1": (256, 56, 56),
    }
    assert tuple(features.shape) == (1, 128, 112, 112)
    assert tuple(out.shape) == (1, 1, 224, 224)


@pytest.mark.parametrize("kernel", [1, 3])
def test_rewriting_equals_the_plain_network(generator, kernel):
    fast, plain = SAN(kernel), SAN(kernel, rewrite=False)
    plain.load_state_dict(fast.state_dict())
    image, (same, target, _) = faces(generator)
    a, b = fast(image, same, target), plain(image, same, target)
    assert torch.allclose(a, b, atol=1e-6)
    a.sum().backward()
    b.sum().backward()
    for p, q in zip(fast.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, rtol=1e-3, atol=1e-5)


def test_upsampled_convolution_against_the_definition(generator):
    x = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    w = torch.randn(4, 3, 3, 3, generator=generator, dtype=torch.float64)
    b = torch.randn(4, generator=generator, dtype=torch.float64)
    up = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = torch.nn.functional.conv2d(up, w, b, padding=1)
    assert torch.allclose(upsampled_conv3x3(x, w, b), expected, atol=1e-12)


def test_outputs_share_features_and_lie_in_the_unit_interval(generator):
    net = SAN()
    image, (same, neutral, opposite) = faces(generator)
    out = net.outputs(image, same, neutral, opposite)
    assert torch.allclose(out.opposite, net(image, same, opposite))
    assert all(((o > 0) & (o < 1)).all() for o in out)


def test_gradients_reach_every_parameter(generator):
    net = SAN()
    image, (same, target, _) = faces(generator)
    net(image, same, target).mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_bad_kernel_is_refused():
    with pytest.raises(ValueError, match="expected 1 or 3"):
        SAN(2)
