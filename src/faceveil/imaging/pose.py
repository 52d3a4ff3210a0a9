"""How a face lies in a picture, by its five landmarks: upright, turned, or not at all."""

from __future__ import annotations

import numpy as np

from faceveil.imaging.geometry import canonical_template
from faceveil.types import Float32Array, Float64Array


def turned_back(
    points: Float32Array | Float64Array, shape: tuple[int, int], turns: int, edge: int
) -> Float64Array:
    """Points of ``np.rot90(picture, turns)`` in the picture.

    Args:
        points: (N, 2) x and y.
        shape: (H, W) of the picture.
        turns: quarter turns against the clock.
        edge: 1 for pixels' centres (the first is 0), 0 for edges.
    """
    height, width = shape[0] - edge, shape[1] - edge
    x, y = np.asarray(points, np.float64).T
    back = ((x, y), (width - y, x), (width - x, height - y), (y, height - x))[turns % 4]
    return np.stack(back, axis=1)


def odd(points: Float64Array, turns: int = 0) -> bool:
    """Whether five landmarks are no face's that is upright after so many quarter turns.

    They are turned by over 30 degrees from it, or fit the template badly: the network gives to a
    face on its side or head the landmarks of something between that and an upright one.
    """
    turned, misfit = pose(points)
    return abs((turned - 90 * turns + 180) % 360 - 180) > 30 or misfit > 0.18


def turns_of(points: Float64Array) -> int:
    """Quarter turns after which a face with these landmarks is most upright, 0 to 3."""
    return round(pose(points)[0] / 90) % 4


def pose(points: Float64Array) -> tuple[float, float]:
    """How far landmarks are turned, in degrees clockwise, and how badly they fit a face."""
    template = canonical_template(224)
    a, b = (p[:, 0] + 1j * p[:, 1] for p in (template, np.asarray(points, np.float64)))
    a, b = a - a.mean(), b - b.mean()
    map_ = (b * a.conj()).sum() / (np.abs(a) ** 2).sum()
    if abs(map_) < 1e-9:
        return 0.0, np.inf
    misfit = float(np.abs(b - map_ * a).mean() / abs(map_)) / 64
    return float(np.degrees(np.angle(map_))), misfit
