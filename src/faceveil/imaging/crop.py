"""Crops out of photos, and luma."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.imaging.geometry import CROP_SIZE, compose, invert, transform
from faceveil.types import Float32Array, Float64Array, Uint8Array

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R, G and B in BT.601 luma."""


def luma(pixels: Uint8Array) -> Float32Array:
    """BT.601 luma: (..., 3) uint8 RGB -> (...) float32 in [0, 1]; else grey, scaled."""
    grey = pixels.shape[-1] != 3
    return np.asarray(pixels / np.float32(255) if grey else pixels @ (LUMA / 255), np.float32)


def grey_levels(pixels: Uint8Array) -> Uint8Array:
    """BT.601 luma as the nearest of 256 levels; (..., 3) uint8 RGB -> (...), grey as it is."""
    return pixels if pixels.shape[-1] != 3 else np.rint(255 * luma(pixels)).astype(np.uint8)


def extract_crop(rgb: NDArray[np.uint8], matrix: Float64Array, size: int = CROP_SIZE) -> Uint8Array:
    """Resample a face into its canonical crop.

    Only the face's region is touched, whatever the photo's size; a face larger than the crop is
    low-pass filtered first, so nothing aliases.

    Args:
        rgb: (H, W, 3) or (H, W) uint8 photo.
        matrix: (2, 3) map from the photo to the crop.
        size: side of the crop in pixels.

    Returns:
        (size, size, 3) or (size, size) uint8; beyond the photo its border is repeated.
    """
    back = invert(matrix)
    x0, y0, x1, y1 = region(back, size, rgb.shape[:2], margin=4)
    part = np.ascontiguousarray(rgb[y0:y1, x0:x1])
    local = compose(matrix, np.array([[1.0, 0, x0], [0, 1, y0]]))
    shrink = float(np.sqrt(abs(np.linalg.det(back[:, :2]))))
    if shrink > 1.25:
        # Photo pixels per crop pixel: shrink by area to the crop's own resolution first.
        h, w = part.shape[:2]
        small = (max(1, round(w / shrink)), max(1, round(h / shrink)))
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8)
        sx, sy = w / small[0], h / small[1]
        local = compose(local, np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]]))
    crop = cv2.warpAffine(
        part, local, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8)


def region(
    back: Float64Array, size: int, shape: tuple[int, ...], margin: int = 0
) -> tuple[int, int, int, int]:
    """The photo's rectangle that a crop covers: (x0, y0, x1, y1), at least one pixel.

    Args:
        back: (2, 3) map from the crop to the photo.
        size: side of the crop in pixels.
        shape: (H, W) of the photo.
        margin: pixels added on every side.
    """
    end = size - 1
    corners = transform(back, [(0, 0), (end, 0), (0, end), (end, end)])
    low = np.floor(corners.min(axis=0)).astype(int) - margin
    high = np.ceil(corners.max(axis=0)).astype(int) + margin + 1
    height, width = shape[:2]
    x0, y0 = (int(v) for v in np.clip(low, 0, (width - 1, height - 1)))
    x1 = int(np.clip(high[0], x0 + 1, width))
    y1 = int(np.clip(high[1], y0 + 1, height))
    return x0, y0, x1, y1
