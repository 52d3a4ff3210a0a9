"""The kinds of CNN that an adversary trains."""

from dataclasses import replace

import numpy as np
import pytest

from faceveil.evaluation.adversaries.attacker_networks import PLAIN, THREE
from faceveil.evaluation.adversaries.base import attack
from faceveil.evaluation.adversaries.retrained_cnn import RetrainedCNN
from tests.evaluation.adversaries.scenes import invert, scene

torch = pytest.importorskip("torch", reason="needs the train extra")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("architecture", THREE, ids=lambda a: a.name)
@pytest.mark.parametrize("shape", [(3, 224, 224), (3, 224, 224, 3)])
def test_faces_and_network_fit(architecture, shape):
    crops = RNG.integers(0, 256, shape, dtype=np.uint8)
    faces = architecture.faces(crops)
    side = architecture.side
    assert faces.shape == (3, 3 if architecture.colour else 1, side, side)
    assert faces.dtype == np.float32
    assert -1 <= faces.min() < faces.max() <= 1
    network = architecture.network()
    logits = network(torch.from_numpy(faces))
    assert logits.shape == (3, 1)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_luma_is_what_grey_ones_see():
    crop = np.zeros((1, 224, 224, 3), np.uint8)
    crop[..., 1] = 255
    np.testing.assert_allclose(PLAIN.faces(crop), 2 * 0.587 - 1, atol=0.005)


@pytest.mark.parametrize("architecture", THREE, ids=lambda a: a.name)
def test_each_learns_the_inversion(architecture):
    made, male, identity, _ = scene(invert)
    small = replace(architecture, side=32)
    found = attack(RetrainedCNN((small,), epochs=12), made, male, identity, repeats=20)
    assert found[0].variant == architecture.name
    assert found[0].auc > 0.9
