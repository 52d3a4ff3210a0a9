"""What a protector changes in crops: in luma or colours, at its own resolution or the crops'."""

from __future__ import annotations

import cv2
import numpy as np

from faceveil.imaging.crop import LUMA, luma
from faceveil.imaging.geometry import CROP_SIZE
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
        faces = luma(crops)
        return np.asarray(protector.protect(faces, male, target, landmarks) - faces, np.float32)
    rgb = np.repeat(crops[..., None], 3, axis=3) if grey else crops
    faces = np.asarray(rgb / np.float32(255), np.float32)
    change = protector.protect(faces, male, target, landmarks) - faces
    return np.asarray(change @ LUMA if grey else change, np.float32)


def to_frame(faces: Float32Array, frame: int) -> Float32Array:
    """Canonical crops at a network's resolution: (N, 224, 224[, 3]) -> (N, frame, frame[, 3])."""
    size = (frame, frame)
    return np.stack([cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in faces])


def add_change(
    faces: Float32Array, change: Float32Array, smoothing: float, gain: float
) -> Float32Array:
    """Crops with a low-resolution change added, so that their own fine detail stays.

    Args:
        faces: (N, 224, 224) luma, or (N, 224, 224, 3) RGB, in [0, 1].
        change: (N, frame, frame[, 3]) what a network changed.
        smoothing: sigma of a Gaussian over the upsampled change in pixels of the crop; 0 for none.
            It hides the 2x2 blocks of networks that upsample by nearest neighbour.
        gain: factor of the change.

    Returns:
        The shape of ``faces``, in [0, 1].
    """
    full = (CROP_SIZE, CROP_SIZE)
    up = np.stack([cv2.resize(x, full, interpolation=cv2.INTER_CUBIC) for x in change])
    if smoothing > 0:
        up = np.stack([cv2.GaussianBlur(x, (0, 0), smoothing) for x in up])
    return np.asarray(np.clip(faces + gain * up, 0, 1), np.float32)
