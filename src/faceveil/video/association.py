"""Which face of this frame is which person of the frames before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceveil.imaging.crop import extract_crop
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.types import Face, Float32Array, Float64Array, Uint8Array

MIN_IOU = 0.1
"""A face belongs to a person only if their boxes overlap by this much, or ..."""

MAX_DISTANCE = 1.0
"""... its landmarks lie within this many eye distances of where they are expected."""

MAX_SCALE = 1.6
"""Highest ratio of a face's eye distance to the person's last one, either way."""

LOOKS = 2.0
"""Weight of looks against place: two faces that cross are told apart by their looks alone."""

MAX_COST = 3.0
"""Above it a face is somebody new: far off and of other looks."""

LOOK_SIZE = 24
"""Side in pixels of the small canonical crop that looks are compared by."""


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1), in [0, 1]."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / whole if whole > 0 else 0.0


def looks(rgb: Uint8Array, face: Face) -> Float32Array:
    """What a face looks like: (24 * 24 * 3,) of mean 0 and length 1.

    Args:
        rgb: (H, W, 3) upright frame.
        face: a face of it.
    """
    matrix = canonical_from_landmarks(face.landmarks, LOOK_SIZE)
    values = extract_crop(rgb, matrix, LOOK_SIZE).astype(np.float32).ravel()
    values -= values.mean()
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), np.float32)


def eye_distance(landmarks: Float32Array | Float64Array) -> float:
    """Distance of the eyes in pixels, at least 1."""
    return max(float(np.linalg.norm(landmarks[1] - landmarks[0])), 1.0)


def cost(
    expected: Float32Array,
    box: Sequence[float],
    look: Float32Array,
    face: Face,
    face_look: Float32Array,
) -> float:
    """How badly a face fits a person; infinite where it cannot be that person.

    Args:
        expected: (5, 2) where the person's landmarks should be now.
        box: where the person's box should be now.
        look: the person's looks.
        face: a face of this frame.
        face_look: its looks.
    """
    size, own = eye_distance(expected), eye_distance(face.landmarks)
    distance = float(np.linalg.norm(face.landmarks - expected, axis=1).mean()) / size
    overlap = iou(box, face.box)
    if overlap < MIN_IOU and distance > MAX_DISTANCE:
        return np.inf
    if not 1 / MAX_SCALE < own / size < MAX_SCALE:
        return np.inf
    total = (1 - overlap) + distance + LOOKS * (1 - float(look @ face_look))
    return total if total <= MAX_COST else np.inf


def greedy(costs: Float64Array) -> list[tuple[int, int]]:
    """Pairs (row, column), the cheapest first, each row and column once; infinite ones never."""
    pairs: list[tuple[int, int]] = []
    left = costs.copy()
    while left.size and np.isfinite(left.min()):
        row, column = divmod(int(left.argmin()), left.shape[1])
        pairs.append((row, column))
        left[row], left[:, column] = np.inf, np.inf
    return pairs
