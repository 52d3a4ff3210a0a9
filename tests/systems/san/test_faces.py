"""The faces of a SAN: prototypes aligned to each, or jittered; the values of the authors' code."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.imaging.geometry import canonical_template  # noqa: E402
from faceveil.imaging.prototypes import prototype_warp  # noqa: E402
from faceveil.systems.san.config import SANConfig  # noqa: E402
from faceveil.systems.san.faces import Faces, face_warps  # noqa: E402
from faceveil.types import Face  # noqa: E402

CONFIG = SANConfig("x", "m", (), frame=8, landmarks=0.0, flip="none")
MOVED = canonical_template(224) * 1.05 - 4


class ByBrightness:
    """Finds a face off the template in bright crops, and none in dark ones."""

    def detect(self, rgb):
        assert rgb.shape == (224, 224, 3)
        if rgb.mean() < 50:
            return ()
        return (Face((0.0, 0.0, 224.0, 224.0), MOVED.astype(np.float32), 0.9),)


def test_each_face_has_its_own_warp_kept_in_a_file(tmp_path):
    images = np.stack([np.full((16, 16), v, np.uint8) for v in (200, 10)])
    path = tmp_path / "new" / "warps.npy"
    warps = face_warps(images, path, ByBrightness())
    expected = prototype_warp(MOVED[None].astype(np.float32).astype(float), 1)[0]
    np.testing.assert_allclose(warps[0], expected, atol=1e-6)
    np.testing.assert_allclose(warps[1], np.eye(2, 3), atol=1e-6)
    again = face_warps(images, path, None)  # asks no detector
    np.testing.assert_array_equal(again, warps)


def test_a_batch_takes_the_warps_of_its_rows():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    warps = np.random.default_rng(1).normal(size=(5, 2, 3)).astype(np.float32)
    male = np.arange(5, dtype=np.float32) % 2
    every = np.arange(5)
    faces = Faces(images, images, male, every, every, warps)
    rows = torch.tensor([3, 1])
    batch = faces.batch(rows, CONFIG, torch.Generator().manual_seed(0), "cpu")
    np.testing.assert_array_equal(batch.theta, warps[[3, 1]])
    np.testing.assert_allclose(batch.image[:, 0], images[[3, 1]] / 255, rtol=1e-6)
    plain = replace(faces, warps=None).batch(rows, CONFIG, torch.Generator().manual_seed(0), "cpu")
    np.testing.assert_array_equal(plain.theta, np.stack([np.eye(2, 3)] * 2))
