"""Batches of faces, and a network asked about all of them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.training.faces import batches, outputs_of  # noqa: E402


def test_batches_hold_every_index_once():
    parts = list(batches(300))
    assert [len(p) for p in parts] == [128, 128, 44]
    assert torch.cat(parts).tolist() == list(range(300))
    assert list(batches(0)) == []


def test_outputs_are_those_of_the_rows_asked_for():
    class Mean(torch.nn.Module):
        def forward(self, image):
            assert not self.training
            assert image.shape[1:] == (3, 4, 4)
            return image.mean(dim=(2, 3))

    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3), dtype=np.uint8)
    means = images.mean(axis=(1, 2)) / 255
    found = outputs_of(Mean(), images, 4)
    # Shrinking with antialiasing weighs the border's pixels a little differently.
    np.testing.assert_allclose(found, means, atol=0.05)
    rows = np.array([149, 3, 3])
    assert torch.equal(outputs_of(Mean(), images, 4, rows=rows), found[rows])
