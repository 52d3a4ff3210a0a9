"""How alike two faces look: colour of the skin, shape, and light. For face mixing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.imaging.crop import LUMA
from faceveil.types import Float32Array

COLOUR_UNIT = 10.0
"""So many units of CIE Lab count as much ..."""

SHAPE_UNIT = 4.0
"""... as so many pixels of the 224 px crop, root mean square over the points."""

# iBUG's points around both cheeks and the nose: skin on nearly every face.
_SKIN = ((2, 3, 4, 48, 31, 40), (14, 13, 12, 54, 35, 47), (27, 31, 33, 35))


def appearance(face: Float32Array, shape: Float32Array) -> Float32Array:
    """A vector whose Euclidean distances say how unlike two faces look.

    Args:
        face: (224, 224, 3) float32 RGB in [0, 1], canonical crop.
        shape: (68, 2) its landmarks in pixels of the crop.

    Returns:
        (139,) float32: the median of skin in CIE Lab, then the points, both in the units above.
    """
    skin = np.clip(face[_inside(shape, _SKIN, len(face))], 0, 1).astype(np.float32)[None]
    colour = np.median(cv2.cvtColor(skin, cv2.COLOR_RGB2Lab)[0], axis=0) / COLOUR_UNIT
    points = shape.reshape(-1) / (SHAPE_UNIT * np.sqrt(len(shape)))
    return np.concatenate([colour, points]).astype(np.float32)


def light(face: Float32Array, shape: Float32Array) -> tuple[float, float]:
    """Mean and standard deviation of a face's luma, within the outline of its points.

    Args:
        face: (S, S, 3) RGB.
        shape: (68, 2) points in pixels.

    Returns:
        Both in the units of ``face``.
    """
    luma = face[_inside(shape, (range(len(shape)),), len(face))] @ LUMA
    return float(luma.mean()), float(luma.std())


def _inside(shape: Float32Array, regions: Iterable[Sequence[int]], size: int) -> NDArray[np.bool_]:
    """Which pixels lie within the convex hull of any region's points."""
    mask = np.zeros((size, size), np.uint8)
    points = np.rint(np.clip(shape, 0, size - 1)).astype(np.int32)
    for region in regions:
        cv2.fillConvexPoly(mask, cv2.convexHull(points[list(region)]), 1)
    return mask > 0
