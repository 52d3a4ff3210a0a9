"""Piecewise-affine warps of a square crop over a triangle mesh.

Points are (x, y) in continuous pixel-centre coordinates, as in :mod:`faceveil.imaging.geometry`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.types import Float32Array, Float64Array

INSET = 2.0
"""Least distance of a face's points from the crop's border in pixels; no triangle is a sliver."""

_SHIFT = 4  # cv2.fillConvexPoly takes 1/16 of a pixel


def with_border(points: NDArray[np.floating], size: int) -> Float64Array:
    """A face's points, moved inside the crop, and eight points on its border, which stay in place.

    Args:
        points: (N, 2).
        size: side of the crop in pixels.

    Returns:
        (N + 8, 2).

    Raises:
        OptionError: if the points have another shape or a value is not finite.
    """
    own = np.asarray(points, np.float64)
    if own.ndim != 2 or own.shape[1] != 2 or not np.isfinite(own).all():
        raise OptionError(f"points: got shape {own.shape}; expected finite (N, 2) coordinates")
    end = size - 1.0
    grid = [(x, y) for y in (0.0, end / 2, end) for x in (0.0, end / 2, end)]
    del grid[4]
    return np.concatenate([np.clip(own, INSET, end - INSET), grid])


def delaunay(points: Float64Array, size: int) -> NDArray[np.int64]:
    """Delaunay's triangles.

    Args:
        points: (N, 2) within [0, size - 1].
        size: side of the crop in pixels.

    Returns:
        (T, 3) rows of ``points``; of points that coincide only one is used.

    Raises:
        OptionError: if a point lies outside the crop.
    """
    # Thousandths of a pixel: OpenCV's vertices are found again by their float32 coordinates, and a
    # weighted mean of points on the border may lie beyond it by a rounding error.
    exact = np.round(points, 3).astype(np.float32)
    if len(points) and not ((exact >= 0) & (exact <= size - 1)).all():
        raise OptionError(f"points: got one outside the crop; expected 0 to {size - 1}")
    plane = cv2.Subdiv2D((-1, -1, size + 1, size + 1))
    row_of: dict[tuple[float, float], int] = {}
    for row, (x, y) in enumerate(exact.tolist()):
        if (x, y) not in row_of:
            row_of[x, y] = row
            plane.insert((x, y))
    corners = np.asarray(plane.getTriangleList(), np.float32).reshape(-1, 3, 2).tolist()
    # Triangles with one of OpenCV's own far-away helper points are not ours.
    found = [[row_of.get((x, y), -1) for x, y in triangle] for triangle in corners]
    return np.array([t for t in found if min(t) >= 0], np.int64).reshape(-1, 3)


def triangle_of_pixel(
    points: Float64Array, triangles: NDArray[np.int64], size: int
) -> NDArray[np.int32]:
    """Which triangle each pixel lies in: (size, size), -1 where none."""
    owner = np.full((size, size), -1, np.int32)
    corners = np.rint(points[triangles] * (1 << _SHIFT)).astype(np.int32)
    for index, triangle in enumerate(corners):
        cv2.fillConvexPoly(owner, triangle, index, cv2.LINE_8, _SHIFT)
    return owner


def warp(
    image: Float32Array,
    source: Float64Array,
    target: Float64Array,
    triangles: NDArray[np.int64],
    owner: NDArray[np.int32],
) -> Float32Array:
    """Bring ``source`` points of an image onto ``target`` points, affinely within each triangle.

    Args:
        image: (S, S) or (S, S, C) float32.
        source: (N, 2) points in the image.
        target: (N, 2) points in the result.
        triangles: (T, 3) rows of both.
        owner: (S, S) from :func:`triangle_of_pixel` for ``target``.

    Returns:
        The image's shape. Sampled linearly; pixels in no triangle stay.
    """
    size = owner.shape[0]
    # Of each triangle: the affine map from target to source, solved for all at once.
    corners = np.concatenate([target[triangles], np.ones((len(triangles), 3, 1))], axis=2)
    flat = np.abs(np.linalg.det(corners)) < 1e-6
    corners[flat] = np.eye(3)  # a triangle without area owns no pixel that another could not
    maps = np.linalg.solve(corners, source[triangles])  # (T, 3, 2)
    identity = np.array([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
    maps[flat] = identity
    table = np.concatenate([maps, identity]).astype(np.float32)  # -1 is the last: stay
    chosen = table.reshape(-1, 6)[owner]
    axis = np.arange(size, dtype=np.float32)
    x, y = axis[None, :, None], axis[:, None, None]
    where = chosen[..., 0:2] * x + chosen[..., 2:4] * y + chosen[..., 4:6]
    at_x, at_y = cv2.split(where)
    out = cv2.remap(image, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32)


def morph(
    images: Sequence[Float32Array], shapes: Sequence[NDArray[np.floating]], shares: Sequence[float]
) -> Float32Array:
    """The blend of faces that were all brought to their mean shape.

    Args:
        images: faces of one shape (S, S) or (S, S, C), float32.
        shapes: (N, 2) points of each face.
        shares: weight of each face in shape and colour; their sum is 1.

    Returns:
        The images' shape.

    Raises:
        OptionError: if the numbers of images, shapes and shares differ, or the sum is not 1.
    """
    if not len(images) == len(shapes) == len(shares) or abs(sum(shares) - 1) > 1e-6:
        raise OptionError(
            f"morph: got {len(images)} images, {len(shapes)} shapes and shares {list(shares)}; "
            "expected as many of each, and shares that add up to 1"
        )
    size = images[0].shape[0]
    points = [with_border(shape, size) for shape in shapes]
    mean = np.sum([w * p for w, p in zip(shares, points, strict=True)], axis=0)
    triangles = delaunay(mean, size)
    owner = triangle_of_pixel(mean, triangles, size)
    out = np.zeros_like(images[0])
    for image, own, share in zip(images, points, shares, strict=True):
        out += np.float32(share) * warp(image, own, mean, triangles, owner)
    return out
