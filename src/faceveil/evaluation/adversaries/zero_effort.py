"""Adversary 1, zero effort: a published classifier as it is.

Assumption: nothing is known of the protection. SAN, FlowSAN, Gender-AN and PrivacyNet stop here.
"""

from __future__ import annotations

from dataclasses import dataclass

from faceveil.evaluation.adversaries.base import Scene, by_judges
from faceveil.types import Float32Array


@dataclass(frozen=True, slots=True)
class ZeroEffort:
    """Each gender judge's own answer."""

    name: str = "zero-effort"
    assumption: str = "knows nothing of the protection; a published classifier as it is"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """P(male) by judge."""
        return by_judges(scene, scene.targets, views=scene.views)
