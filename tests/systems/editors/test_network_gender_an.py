"""Gender-AN's networks against Tables I and II of the paper."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.editors.network import Editor  # noqa: E402
from faceveil.systems.editors.network_gender_an import Discriminator, Generator  # noqa: E402


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_table_1():
    generator = Generator()
    encoder = [m for m in generator.encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    decoder = [m for m in generator.decoder.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [m.out_channels for m in encoder] == [16, 32, 64, 128, 256]
    assert [m.out_channels for m in decoder] == [256, 128, 64, 32, 3]
    assert {(m.kernel_size, m.stride) for m in encoder + decoder} == {((4, 4), (2, 2))}
    assert len(generator.units) == 4
    # By hand: weights of every layer, and two per map of a normalisation.
    stu = sum(16 * (2 * d + 4) * d + d + 3 * (9 * 2 * d * d + 2 * d) for d in (16, 32, 64, 128))
    enc = 16 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128 + 128 * 256) + 2 * (16 + 32 + 64 + 128 + 256)
    dec = 16 * (260 * 256 + 384 * 128 + 192 * 64 + 96 * 32 + 48 * 3) + 2 * (256 + 128 + 64 + 32) + 3
    assert count(generator.units) == stu == 1_888_400
    assert count(generator) == stu + enc + dec == 4_686_899


def test_table_2():
    critic = Discriminator(224)
    convolutions = [m for m in critic.backbone if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [16, 32, 64, 128, 256]
    assert [type(m).__name__ for m in critic.backbone[:3]] == [
        "Conv2d", "InstanceNorm2d", "LeakyReLU",
    ]  # fmt: skip
    assert critic.realness[0].in_features == critic.attributes[0].in_features == 12_544
    assert (critic.realness[2].out_features, critic.attributes[2].out_features) == (1, 4)
    score, logits = critic(torch.rand(2, 3, 224, 224))
    assert score.shape == (2,)
    assert logits.shape == (2, 4)


@pytest.mark.parametrize("side", [64, 224])
def test_faces_in_faces_out(side):
    generator = Generator(attributes=1).eval()
    with torch.no_grad():
        out = generator(torch.rand(2, 3, side, side), torch.tensor([[1.0], [0.0]]))
    assert out.shape == (2, 3, side, side)
    assert out.min() >= 0
    assert out.max() <= 1


def test_anchored_changes_nothing_where_nothing_is_wanted():
    torch.manual_seed(0)
    generator = Generator()
    editor, plain = Editor(generator, anchored=True).eval(), Editor(generator, anchored=False)
    x, none = torch.rand(2, 3, 64, 64), torch.zeros(2, 4)
    wanted = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, -1.0]])
    with torch.no_grad():
        torch.testing.assert_close(editor(x, none, none), x)
        change = generator(x, wanted) - generator(x, none)
        torch.testing.assert_close(editor(x, wanted, none), x + change)
        torch.testing.assert_close(plain.eval()(x, wanted, none), generator(x, wanted))


def test_conditioned_at_the_input_as_section_3b_says():
    """The difference joins the picture at its own size; the latent is then the encoder's alone."""
    latent, at_input = Generator(), Generator(at_input=True)
    assert at_input.encoder[0][0].in_channels == 3 + 4
    assert at_input.decoder[0][0].in_channels == 256
    assert latent.decoder[0][0].in_channels == 256 + 4
    assert count(at_input) == count(latent) + 16 * (4 * 16 - 4 * 256)
    seen = []
    at_input.encoder[0].register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    image, difference = torch.rand(2, 3, 64, 64), torch.tensor([[1.0, 0, -1, 0.5]] * 2)
    at_input.eval()(image, difference)
    assert torch.equal(seen[0][:, :3], 2 * image - 1)
    assert torch.equal(seen[0][:, 3:], difference[:, :, None, None].expand(2, 4, 64, 64))


def test_a_conditioned_discriminator_gets_the_labels_as_planes():
    critic = Discriminator(64, conditioned=True)
    assert critic.backbone[0].in_channels == 3 + 4
    seen = []
    critic.backbone.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    labels = torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 1]])
    score, logits = critic(torch.rand(2, 3, 64, 64), labels)
    assert (score.shape, logits.shape) == ((2,), (2, 4))
    assert torch.equal(seen[0][:, 3:, 5, 7], labels)
