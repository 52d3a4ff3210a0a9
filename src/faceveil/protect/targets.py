"""From a person's gender and the target in words to the number that a protector takes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from faceveil.errors import OptionError
from faceveil.protect.base import CropProtector
from faceveil.protect.keys import check_secret, own_key
from faceveil.types import Float32Array, Gender, Target, Uint8Array

DEFAULT_STRENGTH = 0.8
"""Chosen on celeba128-val (500 images, EdgeFace and MobileFace): about the most at which neither
does worse than with the SAN authors' own weights. Full strength hides more and costs some matching;
see the table in the README."""

NEUTRAL = 0.5
"""The numeric target of ``neutral``; 0 is female, 1 male."""

UNKNOWN = 0.5
"""A gender that nobody asked for; 0 is female, 1 male."""

TARGETS: tuple[Target, ...] = ("opposite", "neutral", "random", "same")


@dataclass(frozen=True, slots=True)
class Draw:
    """What decides a random target.

    With a key, nobody without it can tell which target a face got, nor try seeds until one fits.
    With a person's name, all photos of that person get the same target, so that they do not
    contradict each other.

    Attributes:
        seed: in place of a key, for who wants to repeat draws anywhere and needs no secret.
        key: a secret of at least 16 bytes. Without one and without a seed, this machine's own; see
            :func:`faceveil.protect.keys.own_key`.
        person: who is shown, or nothing: then the crop's own pixels decide, so that the answer for
            a face does not depend on what else is protected, in which order, by how many workers.

    Raises:
        OptionError: if the key could be tried out, or a person's target would hang on a seed that
            anybody can try.
    """

    seed: int | None = None
    key: bytes = field(default=b"", repr=False)
    person: str = ""

    def __post_init__(self) -> None:
        if self.key:
            check_secret(self.key)
        elif self.person and self.seed is not None:
            raise OptionError("persons: anybody can compute their targets from a seed; give a key")

    def male(self, crop: Uint8Array) -> float:
        """The target of a face: 0 female or 1 male, each as likely as the other."""
        of = b"person\0" + self.person.encode() if self.person else np.ascontiguousarray(crop)
        if self.key or self.seed is None:
            secret = self.key or own_key().secret
            return float(hmac.digest(secret, bytes(of), "sha256")[0] & 1)
        digest = hashlib.sha256(str(self.seed).encode() + b"\0" + bytes(of)).digest()
        return float(digest[0] & 1)


def numeric_targets(
    male: Float32Array, target: Target, crops: Uint8Array, draw: Draw
) -> Float32Array:
    """What each face should read as.

    Args:
        male: (N,) 1 male, 0 female; of no account unless the target is relative to it.
        target: in words.
        crops: (N, ...) uint8 crops, used for ``random`` only.
        draw: decides ``random``.

    Returns:
        (N,) float32: 1 male, 0 female, 0.5 neutral.

    Raises:
        OptionError: if the target is unknown.
    """
    if target == "same":
        return male.astype(np.float32)
    if target == "opposite":
        return (1 - male).astype(np.float32)
    if target == "neutral":
        return np.full(len(male), NEUTRAL, np.float32)
    if target == "random":
        return np.array([draw.male(crop) for crop in crops], np.float32)
    raise OptionError(f"target: got {target!r}; expected one of {', '.join(TARGETS)}")


def gender_name(male: float) -> Gender | None:
    """A word for 1 and 0; None where nobody asked."""
    return None if male == UNKNOWN else "male" if male > UNKNOWN else "female"


def target_names(
    target: Sequence[float] | Float32Array,
) -> list[Literal["female", "male", "neutral"]]:
    """Words for numeric targets."""
    return ["neutral" if t == NEUTRAL else "male" if t > NEUTRAL else "female" for t in target]


def strength_of(method: CropProtector, asked: float | None) -> float:
    """The user's strength, or the method's own: 1 where it stands in for the face."""
    own = 1.0 if method.replaces_face else DEFAULT_STRENGTH
    return own if asked is None else asked


def checked_strength(strength: float | None) -> float | None:
    """The strength, if it is in [0, 1] or not given.

    Raises:
        OptionError: if it is not.
    """
    if strength is not None and not 0 <= strength <= 1:
        raise OptionError(f"strength: got {strength}; expected 0 (unchanged) to 1 (full)")
    return strength
