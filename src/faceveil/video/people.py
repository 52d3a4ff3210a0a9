"""What a person is read as and shall be read as: decided once for a whole clip."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from faceveil.imaging.crop import extract_crop, luma
from faceveil.imaging.geometry import canonical_from_landmarks, transform
from faceveil.protect.base import CropProtector, FixesForPerson
from faceveil.protect.estimator import GenderEstimator
from faceveil.protect.photo import PhotoOptions
from faceveil.types import Face, Float64Array, Uint8Array

FIRST_FRAMES = 15
"""Sights of a person whose P(male) is averaged: half a second, in which one frame may be blurred or
turned, and not all are."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A decision.

    Attributes:
        male: 1.0 male, 0.0 female, 0.5 where it makes no difference.
        p_male: mean P(male) over the first sights; None where it was not asked.
        target: 1.0 male, 0.0 female, 0.5 neutral.
        method: what the face is protected with.
    """

    male: float
    p_male: float | None
    target: float
    method: CropProtector


@dataclass(slots=True)
class Decider:
    """Collects each person's first sights, and decides.

    At most ``sights`` crops of each person who is still there are in memory.
    """

    protector: CropProtector
    estimator: GenderEstimator
    options: PhotoOptions
    people: dict[int, Person] = field(default_factory=dict)
    sights: int = FIRST_FRAMES
    _waiting: dict[int, list[tuple[Uint8Array, Float64Array]]] = field(default_factory=dict)

    def see(self, number: int, rgb: Uint8Array, face: Face) -> None:
        """Take a sight of the person of that number."""
        if number in self.people:
            return
        matrix = canonical_from_landmarks(face.landmarks)
        crops = self._waiting.setdefault(number, [])
        crops.append((extract_crop(rgb, matrix), transform(matrix, face.landmarks)))
        if len(crops) == self.sights:
            self.decide(number)

    def forget(self, live: set[int]) -> None:
        """Decide for those who have gone after fewer sights, so that their crops can go."""
        for number in [n for n in self._waiting if n not in live]:
            self.decide(number)

    def decide(self, number: int) -> None:
        """Decide from what was seen of that person."""
        crops, points = map(np.stack, zip(*self._waiting.pop(number), strict=True))
        self.people[number] = decide(crops, points, self.protector, self.estimator, self.options)


def decide(
    crops: Uint8Array,
    points: Float64Array,
    protector: CropProtector,
    estimator: GenderEstimator,
    options: PhotoOptions,
) -> Person:
    """One gender and one target for a person.

    Args:
        crops: (N, 224, 224, 3) first sights in the canonical frame.
        points: (N, 5, 2) landmarks in pixels of the crops.
        protector: the method.
        estimator: reads the gender where the options do not state it.
        options: gender, target and seed. A random target is drawn from the key and the first crop.
    """
    decided = options.aim(protector).decide_person(crops, estimator)
    if isinstance(protector, FixesForPerson):
        grey = protector.channels == 1
        faces = luma(crops) if grey else (crops / np.float32(255)).astype(np.float32)
        protector = protector.fix_for_person(faces, decided.target, points)
    p_male = None if decided.p_male is None else float(decided.p_male[0])
    return Person(float(decided.male[0]), p_male, float(decided.target[0]), protector)
