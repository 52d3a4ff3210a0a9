"""The change of a face, averaged over neighbouring frames where the face is the same in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.imaging.crop import luma
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.types import Float32Array, Uint8Array

REACH = 4
"""Frames on either side that a change is averaged over, and that writing is behind reading."""

SIGMA = 2.0
"""Standard deviation in frames of the average's weights."""

TOLERANCE = 0.05
"""Difference of luma, of 1, at which another frame's change counts 0.6 as much: noise of the camera
lies below, a mouth that opens above."""

_SMALL = 56


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A face in one frame.

    Attributes:
        small: (56, 56) luma in [0, 1], to see where the face is the same.
        change: (224, 224) or (224, 224, 3) at full strength; half precision, since many are kept.
    """

    small: Float32Array
    change: NDArray[np.float16]

    @classmethod
    def of(cls, crop: Uint8Array, change: Float32Array) -> Look:
        """From the crop, (224, 224, 3) uint8, and its change."""
        small = cv2.resize(crop, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
        return cls(luma(np.asarray(small, np.uint8)), change.astype(np.float16))


def blend(looks: Mapping[int, Look], index: int) -> Float32Array:
    """The change of a frame, averaged over up to ``REACH`` frames on either side.

    With d the frames between and e the difference of luma in a place, another frame counts
    exp(-d^2 / 2 SIGMA^2 - e^2 / 2 TOLERANCE^2) there: past and future alike, so nothing lags,
    and not where the face has moved, so that nothing is smeared.

    Args:
        looks: the face by frame, ``index`` among them; frames further away are passed over.
        index: the frame.

    Returns:
        The shape of the changes, float32.
    """
    own = looks[index]
    change = own.change.astype(np.float32)
    total, weights = change, np.ones((_SMALL, _SMALL), np.float32)
    parts: list[tuple[Float32Array, Look]] = []
    for near, look in looks.items():
        steps = near - index
        if near == index or abs(steps) > REACH:
            continue
        exponent = (steps / SIGMA) ** 2 + ((look.small - own.small) / TOLERANCE) ** 2
        weight = np.exp(-exponent / 2).astype(np.float32)
        weights = weights + weight
        parts.append((weight, look))
    for weight, look in parts:
        share = cv2.resize(weight / weights, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)
        share = share if change.ndim == 2 else share[..., None]
        # The frame's own share is what the others leave, so the shares add up to 1 everywhere.
        total = total + share * (look.change.astype(np.float32) - change)
    return np.asarray(total, np.float32)
