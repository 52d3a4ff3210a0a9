"""A judge's own crop, cut out of the canonical crop by a fixed affine map."""

from __future__ import annotations

import math

import cv2
import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.geometry import (
    CROP_SIZE,
    arcface_from_canonical,
    canonical_template,
    compose,
    resize_map,
    similarity,
)
from faceveil.types import Float32Array, Float64Array, Uint8Array

DLIB_MEAN_5: Float64Array = np.array(
    [
        (0.225492, 0.215990),
        (0.754761, 0.215990),
        (0.490127, 0.515625),
        (0.254149, 0.780233),
        (0.726104, 0.780233),
    ]
)
"""dlib's mean face at our five landmarks, (5, 2) in units of the unpadded chip's side.

From the 51-point mean face in dlib's ``get_face_chip_details`` (image_transforms/interpolation.h,
Boost Software License): each eye is the mean of its six points (36-41, 42-47 of 68), the nose tip
is point 30, the mouth corners are points 48 and 54.
"""


def crop_matrix(frame: str, size: int, zoom: float = 1.0, padding: float = 0.0) -> Float64Array:
    """The map from the canonical crop to a judge's input.

    Args:
        frame: ``canonical`` (the whole crop), ``arcface`` (the 112 px template, scaled) or ``dlib``
            (the chip of ``get_face_chip_details``, by least squares on five landmarks).
        size: side of the judge's input in pixels.
        zoom: how much wider than the frame the judge looks, about its centre: 1.25 shows 25 % more.
        padding: dlib's padding, in sides of the unpadded chip; 0 for other frames.

    Returns:
        (2, 3) float64, pixel centres of the (224, 224) crop to pixel centres of the input.

    Raises:
        OptionError: if there is no such frame.
    """
    if frame == "canonical":
        base = resize_map(CROP_SIZE, size)
    elif frame == "arcface":
        base = compose(resize_map(112, size), arcface_from_canonical())
    elif frame == "dlib":
        # dlib counts from the border of the picture; pixel centres lie half a pixel further.
        chip = (DLIB_MEAN_5 + padding) / (1 + 2 * padding) * size - 0.5
        base = similarity(canonical_template(CROP_SIZE), chip)
    else:
        raise OptionError(f"crop frame: got {frame!r}; expected canonical, arcface or dlib")
    centre = (size - 1) / 2
    shift = centre * (1 - 1 / zoom)
    return compose(np.array([[1 / zoom, 0, shift], [0, 1 / zoom, shift]]), base)


def judge_crops(crops: Uint8Array, matrix: Float64Array, size: int) -> Float32Array:
    """Cut a judge's input out of canonical crops.

    Where the map shrinks, the crop is sampled at a multiple of the judge's resolution and averaged
    by area, so that nothing aliases. Beyond the canonical crop its border is repeated.

    Args:
        crops: (N, 224, 224, C) uint8.
        matrix: (2, 3) map from the crop to the input, as from :func:`crop_matrix`.
        size: side of the input in pixels.

    Returns:
        (N, size, size, C) float32 in [0, 255].
    """
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    factor = max(1, math.ceil(1 / scale - 1e-6))
    fine = compose(resize_map(size, size * factor), matrix)
    side = (size * factor, size * factor)
    out = np.empty((len(crops), size, size, crops.shape[3]), np.float32)
    for i, crop in enumerate(crops):
        warped = cv2.warpAffine(
            crop.astype(np.float32),
            fine,
            side,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if factor > 1:
            warped = cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)
        out[i] = warped.reshape(out.shape[1:])
    return out
