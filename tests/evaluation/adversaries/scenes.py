"""Scenes whose answers a test can foresee: men are bright, women dark."""

import numpy as np

from faceveil.evaluation.adversaries.base import Scene
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher, people


def nothing(crops, male):
    """A broken protector."""
    return crops


def invert(crops, male):
    """Moves every face to the other side: judges are wrong, nothing is hidden."""
    return (255 - crops).astype(np.uint8)


def another(crops, male):
    """A perfect protector for the gender: every face is the same grey noise."""
    noise = np.random.default_rng(7).integers(90, 160, (8, 8))
    one = np.kron(noise, np.ones((28, 28))).astype(np.uint8)
    jitter = np.random.default_rng(len(crops)).integers(0, 3, len(crops))
    return one[None] + jitter[:, None, None].astype(np.uint8)


def scene(protect, targets=24, own=40, **options):
    """A scene, and the labels and identities of its targets."""
    crops, male, identity = people(targets, 2, seed=1)
    mine, mine_male, mine_identity = people(own, 2, seed=2)
    made = Scene(
        targets=protect(crops, male),
        own=mine,
        own_male=mine_male.astype(np.uint8),
        own_identity=mine_identity,
        protect=protect,
        gender_judges=[BrightnessJudge(gain=2.0)],
        matchers=[BrightPatches()],
        **options,
    )
    return made, male, identity, crops


class BrightPatches(PatchMatcher):
    """A matcher that keeps the brightness too, so that embeddings hold the gender."""

    def embed(self, crops):
        patches = crops.mean(axis=3).reshape(-1, 8, 28, 8, 28).mean(axis=(2, 4)).reshape(-1, 64)
        patches = np.hstack([patches - 128, 8 * (patches.mean(axis=1, keepdims=True) - 128)])
        return (patches / np.linalg.norm(patches, axis=1, keepdims=True)).astype(np.float32)
