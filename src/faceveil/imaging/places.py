"""Places of a picture where a look saw something, and how those of several looks come together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from faceveil.types import Float32Array, Float64Array

LEAST_SIDE = 9.0
"""Pixels of the photo; the eyes of a smaller face are closer than 4."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where something may be, seen in one look.

    Attributes:
        box: (4,) x0, y0, x1, y1 in pixels.
        points: (5, 2) landmarks.
        score: in [0, 1].
        seen: its longer side in pixels of what was looked at.
    """

    box: Float64Array
    points: Float64Array
    score: float
    seen: float

    @property
    def side(self) -> float:
        """The longer side of its box."""
        return float(np.max(self.box[2:] - self.box[:2]))

    @property
    def centre(self) -> Float64Array:
        """The middle of its box, (2,)."""
        return (self.box[:2] + self.box[2:]) / 2


def mapped(place: Place, back: Float64Array, corner: Float64Array) -> Place:
    """From pixels of a part, whose corner lies there in the whole, to the photo's."""
    box = ((place.box.reshape(2, 2) + corner) * back).ravel()
    points = (place.points + corner + 0.5) * back - 0.5
    return replace(place, box=box, points=points)


def distinct(places: list[Place]) -> list[Place]:
    """Each once, by falling score: those that overlap with or lie in a better one go."""
    places = [p for p in places if p.side >= LEAST_SIDE]
    if not places:
        return []
    kept = once(np.stack([p.box for p in places]), np.array([p.score for p in places]))
    return [places[i] for i in kept]


def once(boxes: Float32Array | Float64Array, scores: Float32Array | Float64Array) -> list[int]:
    """Which of these boxes lie in no better one and overlap with none, by falling score."""
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), axis=1)
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        union = area[best] + area[left] - shared
        left = left[(shared <= 0.3 * union) & (shared <= 0.7 * area[left])]
    return kept
