"""PrivacyNet's networks: StarGAN's, by its published sizes."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.editors.network_privacynet import Discriminator, Generator  # noqa: E402


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_sizes_are_stargans():
    generator = Generator(8)
    by_hand = 11 * 64 * 49 + 16 * (64 * 128 + 128 * 256) * 2 + 12 * 9 * 256 * 256 + 64 * 3 * 49
    by_hand += 2 * (64 + 128 + 256 + 12 * 256 + 128 + 64)
    assert count(generator) == by_hand == 8_439_936
    kinds = [type(m).__name__ for m in generator.modules()]
    assert kinds.count("_Residual") == 6
    assert "BatchNorm2d" not in kinds


def test_the_critic_has_a_score_and_labels():
    critic = Discriminator(128, 9, width=8)
    score, logits = critic(torch.rand(2, 3, 128, 128))
    assert score.shape == (2,)
    assert logits.shape == (2, 9)
    widths = [m.out_channels for m in critic.backbone if isinstance(m, torch.nn.Conv2d)]
    assert widths == [8, 16, 32, 64, 128, 256]


def test_labels_count():
    torch.manual_seed(0)
    generator = Generator(2, width=8, blocks=1).eval()
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        a = generator(x, torch.tensor([[1.0, 0], [1.0, 0]]))
        b = generator(x, torch.tensor([[0, 1.0], [1.0, 0]]))
    assert a.shape == x.shape
    assert not torch.allclose(a[0], b[0])
    torch.testing.assert_close(a[1], b[1])
