"""What a protector changes in crops, whether it works on luma or on colours."""

from __future__ import annotations

import numpy as np

from faceveil.imaging.crop import LUMA, luma
from faceveil.protect.base import CropProtector
from faceveil.types import Float32Array, Float64Array, Uint8Array


def change_of(
    protector: CropProtector,
    crops: Uint8Array,
    male: Float32Array,
    target: Float32Array,
    landmarks: Float64Array | None,
) -> Float32Array:
    """The change of crops at full strength.

    A protector of colours gets grey crops as three equal channels, and the luma of what it makes of
    them counts.

    Args:
        protector: the method.
        crops: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8.
        male: (N,) 1 male, 0 female.
        target: (N,) what to read as: 1 male, 0 female, 0.5 neutral.
        landmarks: (N, 5, 2) in pixels of the crop, or None for the template.

    Returns:
        In [-1, 1]: (N, 224, 224), the same for all channels, or (N, 224, 224, 3) where crops and
        protector are both of colours.
    """
    grey = crops.ndim == 3
    if protector.channels == 1:
        faces = np.asarray(crops / np.float32(255), np.float32) if grey else luma(crops)
        return np.asarray(protector.protect(faces, male, target, landmarks) - faces, np.float32)
    rgb = np.repeat(crops[..., None], 3, axis=3) if grey else crops
    faces = np.asarray(rgb / np.float32(255), np.float32)
    change = protector.protect(faces, male, target, landmarks) - faces
    return np.asarray(change @ LUMA if grey else change, np.float32)
