"""Prototypes: mean faces, mixing, warping."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.errors import OptionError  # noqa: E402
from faceveil.imaging.geometry import affine, canonical_template, invert, transform  # noqa: E402
from faceveil.imaging.prototypes import prototype_warp  # noqa: E402
from faceveil.systems.san.network import SAN  # noqa: E402
from faceveil.systems.san.prototypes import PrototypeSAN, mean_faces  # noqa: E402


def test_mean_faces_are_the_means():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    male = np.array([0, 1, 1, 0, 1, 1], np.float32)
    faces, share = mean_faces([(images[:4], male[:4]), (images[4:], male[4:])])
    expected = images[[1, 2, 4, 5]].astype(float).mean(0) / 255
    np.testing.assert_allclose(faces[1].permute(1, 2, 0), expected, atol=1e-6)
    np.testing.assert_allclose(faces[0, 0], images[[0, 3], ..., 0].astype(float).mean(0) / 255)
    assert share == pytest.approx(4 / 6)
    with pytest.raises(OptionError, match="4 men and 0 women"):
        mean_faces([(images[:4], np.ones(4, np.float32))])


def model(size=32):
    prototypes = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    return PrototypeSAN(SAN(), prototypes)


def test_mixing_at_the_ends_and_between():
    net, eye = model(), torch.eye(2, 3).expand(3, 2, 3)
    mixed = net.prototype(torch.tensor([0.0, 1.0, 0.25]), eye)
    female, male = net.prototypes
    assert torch.allclose(mixed[0], female, atol=1e-6)
    assert torch.allclose(mixed[1], male, atol=1e-6)
    assert torch.allclose(mixed[2], 0.75 * female + 0.25 * male, atol=1e-6)


def test_warp_brings_the_templates_landmarks_onto_the_faces():
    """A blob at the prototype's left eye shows up at the face's left eye."""
    size = 224
    template = canonical_template(size)
    moved = template * [1.06, 0.95] + [-5.0, 9.0]
    y, x = np.mgrid[:size, :size]
    blob = np.exp(-((x - template[0, 0]) ** 2 + (y - template[0, 1]) ** 2) / 20)
    prototypes = torch.from_numpy(np.stack([blob] * 3)[None].repeat(2, 0)).float()
    net = PrototypeSAN(SAN(), prototypes)
    theta = torch.from_numpy(prototype_warp(moved[None], 1))
    out = net.prototype(torch.ones(1), theta)[0, 0].numpy()
    peak = np.array(np.unravel_index(out.argmax(), out.shape))[::-1]
    np.testing.assert_allclose(peak, moved[0], atol=0.8)
    forward = affine(template, moved)
    np.testing.assert_allclose(transform(invert(forward), moved), template, atol=1e-8)


def test_no_landmarks_means_no_warp():
    assert np.array_equal(prototype_warp(None, 2), np.stack([np.eye(2, 3)] * 2))


def test_only_the_autoencoder_is_trained():
    names = {n.split(".")[0] for n, p in model().named_parameters() if p.requires_grad}
    assert names == {"san"}


def forward(net, image):
    y, eye = torch.tensor([1.0, 0.0]), torch.eye(2, 3).repeat(2, 1, 1)
    with torch.no_grad():
        return net(image, y, 1 - y, eye)


def test_smoothing_is_a_gaussian_over_the_change():
    import cv2

    image = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(4))
    torch.manual_seed(0)
    plain = model()
    smooth = PrototypeSAN(plain.san, plain.prototypes, smoothing=1.5)
    change = (forward(plain, image) - image)[:, 0].numpy()
    expected = [cv2.GaussianBlur(c, (9, 9), 1.5, borderType=cv2.BORDER_REPLICATE) for c in change]
    wanted = np.clip(image[:, 0].numpy() + np.stack(expected), 0, 1)
    np.testing.assert_allclose(forward(smooth, image)[:, 0], wanted, atol=1e-4)


def test_an_anchored_san_changes_nothing_before_training_but_by_the_prototypes():
    """What the autoencoder fails to reproduce is no part of the change."""
    import copy

    image = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(4))
    plain = model()
    anchored = PrototypeSAN(plain.san, plain.prototypes, anchor=copy.deepcopy(plain.san))
    y, eye = torch.tensor([1.0, 0.0]), torch.eye(2, 3).repeat(2, 1, 1)
    with torch.no_grad():
        same = anchored(image, y, y, eye)
        torch.testing.assert_close(same, image, atol=1e-6, rtol=0)
        assert float((plain(image, y, y, eye) - image).abs().mean()) > 0.05
    trained = {n.split(".")[0] for n, p in anchored.named_parameters() if p.requires_grad}
    assert trained == {"san"}


def test_grey_prototypes():
    net = PrototypeSAN(SAN(prototype_channels=1), torch.rand(2, 1, 32, 32))
    assert forward(net, torch.rand(2, 1, 32, 32)).shape == (2, 1, 32, 32)
    with pytest.raises(ValueError, match="expected 1 or 3"):
        SAN(prototype_channels=2)


def test_the_prototype_scale_changes_the_weights_not_the_function():
    a, b = SAN(), SAN(prototype_scale=10.0)
    b.take(a)
    torch.testing.assert_close(b.combiner.weight[:, 128:] * 10, a.combiner.weight[:, 128:])
    x, p, q = torch.rand(2, 1, 16, 16), torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(a(x, p, q), b(x, p, q), atol=1e-5, rtol=1e-5)
    a.take(b)
    with torch.no_grad():
        torch.testing.assert_close(a(x, p, q), b(x, p, q), atol=1e-5, rtol=1e-5)
