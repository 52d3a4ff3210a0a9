"""The parts of a picture in which a detector looks, when it knows where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceveil.types import Float64Array

GRID = 32
"""Pixels: in a part that begins at a multiple, a detector finds what it finds in the whole."""

_MOST = 0.7
"""Above this share of a picture its parts cost as much as the whole."""


def regions(
    places: Float64Array, shape: tuple[int, int], margin: float = 0.4
) -> list[tuple[int, int, int, int]]:
    """The parts of a picture that hold some places, none of which overlap.

    Args:
        places: (N, 4) boxes x0, y0, x1, y1 in pixels.
        shape: (H, W) of the picture.
        margin: share of a box's larger side that is added on each of its sides.

    Returns:
        Boxes that begin at multiples of :data:`GRID`; the whole picture where they are most of it.
    """
    limit = np.array([shape[1], shape[0], shape[1], shape[0]])
    parts: list[NDArray[np.int64]] = []
    for place in places:
        more = margin * float(np.max(place[2:] - place[:2]))
        wide = (place + np.array([-more, -more, more, more])) / GRID
        edge = np.concatenate([np.floor(wide[:2]), np.ceil(wide[2:])]).astype(np.int64)
        new = np.clip(edge * GRID, 0, limit)
        while True:  # what overlaps becomes one, which may overlap with more
            touching = [p for p in parts if (new[:2] < p[2:]).all() and (p[:2] < new[2:]).all()]
            if not touching:
                break
            parts = [p for p in parts if not any(p is t for t in touching)]
            low = np.minimum.reduce([new[:2], *(t[:2] for t in touching)])
            new = np.concatenate([low, np.maximum.reduce([new[2:], *(t[2:] for t in touching)])])
        if (new[2:] > new[:2]).all():
            parts.append(new)
    if sum(float(np.prod(p[2:] - p[:2])) for p in parts) > _MOST * shape[0] * shape[1]:
        return [(0, 0, shape[1], shape[0])]
    return [(int(p[0]), int(p[1]), int(p[2]), int(p[3])) for p in parts]
