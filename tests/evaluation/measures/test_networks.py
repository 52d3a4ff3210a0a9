"""Adversaries that train networks: what these take and give, and what they learn."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.evaluation.measures.networks import (  # noqa: E402
    PLAIN,
    THREE,
    Architecture,
    retrained_cnns,
)
from faceveil.evaluation.measures.reversal import reconstruct, reversal  # noqa: E402
from faceveil.evaluation.metrics.quality import psnr  # noqa: E402
from tests.evaluation.measures.cases import aucs, case, coloured, invert, nothing  # noqa: E402

RNG = np.random.default_rng(0)
SMALL = (Architecture("cnn", side=16),)


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
    with pytest.raises(RuntimeError, match="channels"):
        network(torch.zeros(2, faces.shape[1] + 1, 64, 64))


def test_a_seed_decides_the_weights():
    made = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        made.append(THREE[1].network().state_dict()["0.weight"])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_luma_is_what_grey_ones_see():
    crop = np.zeros((1, 224, 224, 3), np.uint8)
    crop[..., 1] = 255
    np.testing.assert_allclose(PLAIN[0].faces(crop), 2 * 0.587 - 1, atol=0.005)


@pytest.mark.parametrize("architecture", THREE, ids=lambda a: a.name)
def test_each_learns_the_inversion(architecture):
    small = (replace(architecture, side=32),)
    found = aucs(lambda c: retrained_cnns(c, small), case(invert))
    assert found.keys() == {architecture.name}
    assert found[architecture.name] > 0.9


def test_the_same_seed_gives_the_same_answer():
    made = case(invert)
    first = retrained_cnns(made, SMALL, epochs=1)["cnn"]
    assert np.array_equal(first, retrained_cnns(made, SMALL, epochs=1)["cnn"])
    other = retrained_cnns(replace(made, seed=1), SMALL, epochs=1)["cnn"]
    assert not np.array_equal(first, other)


def test_reversal_learns_the_inversion():
    made = case(invert)
    assert aucs(lambda c: reversal(c, 16, 30, 8), made)["brightness"] > 0.9
    rebuilt = reconstruct(made, 16, 30, 8)
    gains = [
        psnr(original, again) - psnr(original, protected)
        for original, again, protected in zip(
            made.faces.crops, rebuilt, made.protected, strict=True
        )
    ]
    assert np.mean(gains) > 2


@pytest.mark.parametrize("own_in_colour", [False, True])
def test_colour_is_taken_and_the_random_state_left(own_in_colour):
    """Who learned from grey faces sees grey ones."""
    made = case(nothing)
    own = replace(made.own, crops=coloured(made.own.crops)) if own_in_colour else made.own
    colour = replace(made, protected=coloured(made.protected), own=own)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    assert retrained_cnns(colour, SMALL, epochs=1)["cnn"].shape == (len(made.protected),)
    assert torch.equal(state, torch.random.get_rng_state())
    rebuilt = reconstruct(colour, 16, 1, 4)
    assert torch.equal(state, torch.random.get_rng_state())
    assert (rebuilt.ndim, rebuilt.dtype) == (4 if own_in_colour else 3, np.uint8)
