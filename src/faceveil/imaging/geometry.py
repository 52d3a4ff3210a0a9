"""The canonical frame and the fixed affine maps from it to other frames.

A face's five landmarks are brought by a least-squares similarity onto the canonical template:
224x224 pixels, eyes 64 px apart at height 92. Every judge's own crop then follows from the
canonical crop by a fixed affine map, without detecting again.

Matrices are (2, 3) float64 and map (x, y) column vectors of the source frame to the target frame.
Coordinates are continuous pixel-centre coordinates, the convention of OpenCV: the centre of the
top-left pixel is (0, 0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from faceveil.errors import OptionError
from faceveil.types import Float64Array

CROP_SIZE = 224
"""Side of the canonical crop in pixels."""

ARCFACE_112: Float64Array = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
"""The 112x112 template of ArcFace-type matchers: (5, 2), eyes 35.24 px apart."""

CANONICAL_224: Float64Array = (ARCFACE_112 - (56.0, 51.6)) * (64 / 35.24) + (112.0, 92.0)
"""The canonical template: (5, 2)."""


def canonical_template(size: int) -> Float64Array:
    """The canonical template in a crop of ``size`` x ``size`` pixels: (5, 2)."""
    return CANONICAL_224 * (size / CROP_SIZE)


def similarity(source: ArrayLike, target: ArrayLike) -> Float64Array:
    """Least-squares similarity (rotation, uniform scale, shift) from source to target points.

    Umeyama 1991 without reflection, in closed form for the plane.

    Args:
        source: (N, 2) points, N >= 2, not all equal.
        target: (N, 2) points.

    Returns:
        (2, 3) matrix.

    Raises:
        OptionError: if the shapes differ, a value is not finite, or all source points coincide.
    """
    src, dst = _point_pairs(source, target)
    src_centre, dst_centre = src.mean(axis=0), dst.mean(axis=0)
    src, dst = src - src_centre, dst - dst_centre
    spread = float((src**2).sum())
    if spread < 1e-12:
        raise OptionError(
            "landmarks: all points coincide; expected distinct points; check the detector's output"
        )
    # As complex numbers a similarity is one multiplication: z -> (a + ib) z.
    a = float((src * dst).sum()) / spread
    b = float((src[:, 0] * dst[:, 1] - src[:, 1] * dst[:, 0]).sum()) / spread
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, dst_centre - linear @ src_centre])


def affine(source: ArrayLike, target: ArrayLike) -> Float64Array:
    """Least-squares affine map from source to target points: (2, 3).

    Args:
        source: (N, 2) points, N >= 3, not on one line.
        target: (N, 2) points.

    Raises:
        OptionError: if the shapes differ, a value is not finite, or the points lie on one line.
    """
    src, dst = _point_pairs(source, target)
    design = np.column_stack([src, np.ones(len(src))])
    solution, _, rank, _ = np.linalg.lstsq(design, dst, rcond=None)
    if rank < 3:
        raise OptionError(
            "landmarks: the points lie on one line; expected three directions; "
            "check the detector's output"
        )
    return np.ascontiguousarray(solution.T)


def invert(matrix: Float64Array) -> Float64Array:
    """The inverse of an affine map, (2, 3) -> (2, 3)."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def compose(outer: Float64Array, inner: Float64Array) -> Float64Array:
    """The map that applies ``inner`` first and ``outer`` second: (2, 3)."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def transform(matrix: Float64Array, points: ArrayLike) -> Float64Array:
    """Map (N, 2) points: (N, 2)."""
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def resize_map(source_size: int, target_size: int) -> Float64Array:
    """The map between two resolutions of one square frame, pixel centres kept: (2, 3)."""
    scale = target_size / source_size
    shift = (scale - 1) / 2
    return np.array([[scale, 0.0, shift], [0.0, scale, shift]])


def canonical_from_landmarks(landmarks: ArrayLike, size: int = CROP_SIZE) -> Float64Array:
    """The map from a photo to its canonical crop of ``size`` pixels: (2, 3).

    Args:
        landmarks: (5, 2) points in the photo, ordered as in :class:`faceveil.types.Face`.
        size: side of the crop in pixels.
    """
    return similarity(landmarks, canonical_template(size))


def arcface_from_canonical(size: int = CROP_SIZE) -> Float64Array:
    """The map from a canonical crop of ``size`` pixels to the 112x112 ArcFace frame: (2, 3)."""
    return similarity(canonical_template(size), ARCFACE_112)


def _point_pairs(source: ArrayLike, target: ArrayLike) -> tuple[Float64Array, Float64Array]:
    src = np.asarray(source, dtype=np.float64)
    dst = np.asarray(target, dtype=np.float64)
    if src.ndim != 2 or src.shape[1] != 2 or src.shape != dst.shape or len(src) < 2:
        raise OptionError(
            f"landmarks: got shapes {src.shape} and {dst.shape}; expected two equal (N, 2) arrays"
        )
    if not (np.isfinite(src).all() and np.isfinite(dst).all()):
        raise OptionError("landmarks: got a value that is not finite; expected pixel coordinates")
    return src, dst
