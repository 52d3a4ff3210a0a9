"""Adversary 6, averaging: ask a stochastic protector several times and average.

Assumption: the adversary can have the same unprotected face protected again and again, as Ens-Gibbs
or random targets allow where the choice is not fixed by the picture. Against a deterministic
protector averaging is zero effort, and there is no variant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.base import Scene, by_judges
from faceveil.types import Float32Array


@dataclass(frozen=True, slots=True)
class Averaging:
    """Mean answer over the versions, and the answer for the mean picture."""

    name: str = "averaging"
    assumption: str = "sees several protected versions of the same face"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """By ``scores/judge`` and ``pictures/judge``; nothing where all versions are the same.

        Raises:
            OptionError: if a version's shape is not that of the targets.
        """
        total = scene.targets.astype(np.uint16)  # sums of up to 257 versions
        answers: list[dict[str, Float32Array]] = []
        different = False
        for version in scene.again:
            if version.shape != scene.targets.shape:
                raise OptionError(
                    f"averaging: got a version of shape {version.shape}; expected "
                    f"{scene.targets.shape}, the same faces in the same order"
                )
            different |= not np.array_equal(version, scene.targets)
            total += version
            answers.append(by_judges(scene, version))
        if not different:
            return {}
        answers.append(by_judges(scene, scene.targets))
        found = {
            f"scores/{judge}": np.asarray(np.mean([a[judge] for a in answers], axis=0), np.float32)
            for judge in answers[0]
        }
        mean = np.asarray(np.rint(total / np.float32(len(answers))), np.uint8)
        return found | by_judges(scene, mean, "pictures/")
