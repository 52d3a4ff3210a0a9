"""What becomes of a face: whether its gender is asked, what it is to read as, how strongly.

The one place where that is decided: the user's options and a method make an :class:`Aim`, which is
asked once for each face, batch of crops, or person of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.crop import luma
from faceveil.protect.base import CropProtector
from faceveil.protect.estimator import GenderEstimator
from faceveil.protect.targets import UNKNOWN, Draw, checked_strength, numeric_targets, strength_of
from faceveil.types import Float32Array, Gender, Target, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What was decided of N faces.

    Attributes:
        male: (N,) 1 male, 0 female, 0.5 where it makes no difference and nobody asked.
        p_male: (N,) P(male) where it was estimated, else None.
        target: (N,) what they are to read as: 1 male, 0 female, 0.5 neutral.
    """

    male: Float32Array
    p_male: Float32Array | None
    target: Float32Array


@dataclass(frozen=True, slots=True)
class Aim:
    """What a method is to do to faces, before any is seen; made by :meth:`of`.

    Attributes:
        target: what they are to read as.
        strength: 0 leaves faces as they are, 1 is the full change.
        gender: that of all of them, where the user states it.
        reads_gender: whether each one's gender is estimated.
        draw: decides random targets.
    """

    target: Target
    strength: float
    gender: Gender | None
    reads_gender: bool
    draw: Draw

    @classmethod
    def of(
        cls,
        method: CropProtector,
        *,
        gender: Gender | None = None,
        target: Target | None = None,
        strength: float | None = None,
        draw: Draw = Draw(),
        drawn: bool = False,
    ) -> Aim:
        """The aim of a method by what the user says; None where nothing is said.

        Args:
            method: the method.
            gender: of all faces; None to estimate each where anything depends on it.
            target: what they are to read as; None for the method's own.
            strength: None for the method's own.
            draw: decides random targets.
            drawn: whether the user gave a key or a person, which decide a random target.

        Raises:
            OptionError: if the method knows no targets and the user wants one, or the strength is
                out of range.
        """
        wanted = target_of(method.name, method.own_target, target, drawn=drawn)
        depends = method.needs_gender or wanted in ("opposite", "same")
        strength = strength_of(method, checked_strength(strength))
        return cls(wanted, strength, gender, depends and gender is None, draw)

    def decide(
        self, crops: Uint8Array, estimator: GenderEstimator, male: Float32Array | None = None
    ) -> Decision:
        """Decide for faces, each on its own.

        Args:
            crops: (N, 224, 224[, 3]) uint8 canonical crops.
            estimator: reads their genders where that is needed.
            male: (N,) 1 male, 0 female, where the caller knows; else None.
        """
        return self._decided(crops, male, self._estimated(crops, estimator, male))

    def decide_person(self, crops: Uint8Array, estimator: GenderEstimator) -> Decision:
        """Decide once for a person, N = 1: by the mean P(male), a random target by the first crop.

        Args:
            crops: (M, 224, 224[, 3]) uint8 canonical crops of the same person, M >= 1.
            estimator: reads the gender where that is needed.
        """
        p_male = self._estimated(crops, estimator, None)
        mean = None if p_male is None else np.asarray(p_male.mean(keepdims=True), np.float32)
        return self._decided(crops[:1], None, mean)

    def _estimated(
        self, crops: Uint8Array, estimator: GenderEstimator, male: Float32Array | None
    ) -> Float32Array | None:
        return estimator.p_male(luma(crops)) if male is None and self.reads_gender else None

    def _decided(
        self, crops: Uint8Array, male: Float32Array | None, p_male: Float32Array | None
    ) -> Decision:
        if p_male is not None:
            male = (p_male >= 0.5).astype(np.float32)
        elif male is None:
            value = UNKNOWN if self.gender is None else float(self.gender == "male")
            male = np.full(len(crops), value, np.float32)
        return Decision(male, p_male, numeric_targets(male, self.target, crops, self.draw))


def target_of(
    name: str, own: Target | None, asked: Target | None, *, drawn: bool = False
) -> Target:
    """What faces are to read as.

    Args:
        name: the method's, for the complaint.
        own: what the method does where nobody says; None where it knows no targets.
        asked: what the user says, if anything.
        drawn: whether there is a key or a person, which decide a random target.

    Raises:
        OptionError: if the method knows no targets, and one, a key or a person was given.
    """
    if own is None and (asked is not None or drawn):
        what = "target" if asked is not None else "key, person"
        raise OptionError(f"{what}: {name} does the same to every face; leave it out")
    if asked is not None:
        return asked
    return "random" if drawn else own or "neutral"
