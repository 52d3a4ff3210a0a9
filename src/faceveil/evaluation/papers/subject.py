"""What a paper's protocol is given: one protector's faces before and after, and who looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceveil.evaluation.faces import FaceSet
from faceveil.judges.attributes import AttributeJudge
from faceveil.judges.base import Matcher
from faceveil.types import Float64Array, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One protector on one set.

    Attributes:
        before: (N, 224, 224, 3) uint8 canonical crops of the originals.
        after: the same of the protected faces.
        faces: labels and identities.
        attacker: labelled faces of other people, which classifiers learn from, or None.
        matchers: face matchers.
        attributes: reads several attributes, or None.
        labels: (N, K) true values of these attributes, NaN where unknown, or None.
        weights: (R, N) bootstrap weights.
        seed: decides everything random.
    """

    before: Uint8Array
    after: Uint8Array
    faces: FaceSet
    attacker: FaceSet | None
    matchers: Sequence[Matcher]
    attributes: AttributeJudge | None
    labels: Float64Array | None
    weights: Float64Array
    seed: int
