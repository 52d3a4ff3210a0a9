"""Adversary 6, averaging: ask a stochastic protector several times and average.

Assumption: the adversary can have the same unprotected face protected again and again, as Ens-Gibbs
or random targets allow where the choice is not fixed by the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceveil.evaluation.adversaries.base import Scene, by_judges
from faceveil.types import Float32Array


@dataclass(frozen=True, slots=True)
class Averaging:
    """Mean answer over the versions, and the answer for the mean picture."""

    name: str = "averaging"
    assumption: str = "sees several protected versions of the same face"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """By ``scores/judge`` and ``pictures/judge``; nothing where all versions are the same."""
        versions = [scene.targets, *scene.again]
        if all(np.array_equal(v, versions[0]) for v in versions[1:]):
            return {}
        answers = [by_judges(scene, v) for v in versions]
        found = {
            f"scores/{judge}": np.asarray(np.mean([a[judge] for a in answers], axis=0), np.float32)
            for judge in answers[0]
        }
        total = np.zeros(scene.targets.shape, np.float32)
        for version in versions:
            total += version
        mean = np.rint(total / len(versions)).astype(np.uint8)
        return found | by_judges(scene, mean, "pictures/")
