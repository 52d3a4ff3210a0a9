"""From a person's gender and the wish of the user to the number that a protector takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from faceveil.errors import OptionError
from faceveil.types import Float32Array, Target, Uint8Array

DEFAULT_STRENGTH = 0.8
"""Chosen on celeba128-val (500 images, EdgeFace and MobileFace): about the most at which neither
does worse than with the SAN authors' own weights. Full strength hides more and costs some matching;
see the table in the README."""

NEUTRAL = 0.5
"""The numeric target of ``neutral``; 0 is female, 1 male."""

TARGETS: tuple[Target, ...] = ("opposite", "neutral", "random", "same")


def numeric_targets(
    male: Float32Array, target: Target, crops: Uint8Array, seed: int
) -> Float32Array:
    """What each face should read as.

    A random target is drawn from the seed and the crop's own pixels, so that the answer for a
    face does not depend on what else is protected, in which order, or by how many workers.

    Args:
        male: (N,) 1 male, 0 female.
        target: the wish.
        crops: (N, ...) uint8 crops, used for ``random`` only.
        seed: the user's seed, used for ``random`` only.

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
        return np.array([_coin(crop, seed) for crop in crops], np.float32)
    raise OptionError(f"target: got {target!r}; expected one of {', '.join(TARGETS)}")


def target_names(
    target: Sequence[float] | Float32Array,
) -> list[Literal["female", "male", "neutral"]]:
    """Words for numeric targets."""
    return ["neutral" if t == NEUTRAL else "male" if t > NEUTRAL else "female" for t in target]


def checked_strength(strength: float) -> float:
    """The strength, if it is in [0, 1].

    Raises:
        OptionError: if it is not.
    """
    if not 0 <= strength <= 1:
        raise OptionError(f"strength: got {strength}; expected 0 (unchanged) to 1 (full)")
    return float(strength)


def _coin(crop: Uint8Array, seed: int) -> float:
    digest = hashlib.sha256(str(seed).encode() + b"\0" + np.ascontiguousarray(crop).tobytes())
    return float(digest.digest()[0] & 1)
