"""How alike two faces look in skin colour and shape; what face mixing chooses its candidate by."""

from __future__ import annotations

import cv2
import numpy as np

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
    mask = np.zeros(face.shape[:2], np.uint8)
    inside = np.clip(shape, 0, len(mask) - 1)
    for region in _SKIN:
        hull = cv2.convexHull(np.rint(inside[list(region)]).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
    skin = np.clip(face[mask > 0], 0, 1).astype(np.float32)[None]
    colour = np.median(cv2.cvtColor(skin, cv2.COLOR_RGB2Lab)[0], axis=0) / COLOUR_UNIT
    points = shape.reshape(-1) / (SHAPE_UNIT * np.sqrt(len(shape)))
    return np.concatenate([colour, points]).astype(np.float32)
