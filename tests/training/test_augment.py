"""Random views: seeded, differentiable, and the identity when everything is switched off."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
import cv2  # noqa: E402

from faceveil.imaging.geometry import arcface_from_canonical, invert  # noqa: E402
from faceveil.training.augment import binomial_blur, joint_view, random_view, warp  # noqa: E402
from faceveil.training.matchers import normalised_theta  # noqa: E402


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_same_seed_same_view():
    x = torch.rand(3, 1, 16, 16, generator=generator())
    assert torch.equal(random_view(x, generator(5)), random_view(x, generator(5)))
    assert not torch.equal(random_view(x, generator(5)), random_view(x, generator(6)))


def test_switched_off_is_the_image_or_its_mirror():
    x = torch.rand(8, 1, 16, 16, generator=generator())
    out = random_view(x, generator(1), degrees=0, scale=0, shift=0, blur=0, tone=0)
    for a, b in zip(out, x, strict=True):
        assert min(float((a - b).abs().max()), float((a - b.flip(2)).abs().max())) < 1e-5


def test_gradient_flows():
    x = torch.rand(2, 1, 16, 16, requires_grad=True)
    random_view(x, generator(), size=12).sum().backward()
    assert float(x.grad.abs().sum()) > 0


def test_blur_equals_opencv():
    x = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    expected = cv2.sepFilter2D(x, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    out = binomial_blur(torch.from_numpy(x)[None, None], 5)[0, 0].numpy()
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_arcface_warp_equals_opencv():
    x = cv2.GaussianBlur(np.random.default_rng(0).random((128, 128)).astype(np.float32), (0, 0), 2)
    matrix = arcface_from_canonical(128)
    expected = cv2.warpAffine(x, matrix, (112, 112), borderMode=cv2.BORDER_REPLICATE)
    theta = normalised_theta(invert(matrix), 128, 112)
    out = warp(torch.from_numpy(x)[None, None], theta, 112)[0, 0].numpy()
    np.testing.assert_allclose(out, expected, atol=2e-3)


@pytest.mark.parametrize("crop", [0, 3])
def test_joint_view_keeps_face_and_prototype_together(crop):
    """The prototype, sampled through its warp, moves just as the face does."""
    size = 16
    faces = torch.rand(12, 1, size, size, generator=generator(2))
    theta = torch.eye(2, 3).repeat(12, 1, 1)
    moved, maps = joint_view(faces, theta, generator(4), crop)
    prototypes = warp(faces, maps, size)  # as if each face were its own prototype
    torch.testing.assert_close(moved, prototypes, atol=1e-5, rtol=0)
    assert not torch.equal(moved, faces)


def test_joint_view_shifts_by_whole_pixels():
    faces = torch.rand(20, 1, 16, 16, generator=generator(2))
    moved, _ = joint_view(faces, torch.eye(2, 3).repeat(20, 1, 1), generator(4), 3)
    inside = moved[:, :, 4:-4, 4:-4]
    for face, part in zip(faces, inside, strict=True):
        best = min(
            float((f[:, 4 + dy : 12 + dy, 4 + dx : 12 + dx] - part).abs().max())
            for f in (face, face.flip(2))
            for dx in range(-3, 4)
            for dy in range(-3, 4)
        )
        assert best < 1e-5


def test_joint_view_of_the_authors_loader_mirrors_the_face_alone():
    faces = torch.rand(12, 1, 8, 8, generator=generator(2))
    theta = torch.randn(12, 2, 3, generator=generator(3))
    both, _ = joint_view(faces, theta, generator(4), 0)
    moved, maps = joint_view(faces, theta, generator(4), 0, "image")
    assert torch.equal(moved, both)
    assert not torch.equal(moved, faces)
    assert torch.equal(maps, theta)
    still, maps = joint_view(faces, theta, generator(4), 0, "none")
    assert torch.equal(still, faces)
    assert torch.equal(maps, theta)
