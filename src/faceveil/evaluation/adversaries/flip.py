"""Adversary 2, label flip: 1 - p.

Assumption: it is known that the faces were protected towards the opposite gender. A protector that
moves a judge beyond chance gives the gender away to this adversary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceveil.evaluation.adversaries.base import Scene, by_judges
from faceveil.types import Float32Array


@dataclass(frozen=True, slots=True)
class Flip:
    """The opposite of each gender judge's answer."""

    name: str = "flip"
    assumption: str = "knows that faces were moved to the opposite gender, and takes 1 - p"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """1 - P(male) by judge."""
        found = by_judges(scene, scene.targets, views=scene.views)
        return {judge: np.asarray(1 - p, np.float32) for judge, p in found.items()}
