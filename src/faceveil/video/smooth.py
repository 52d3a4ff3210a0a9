"""Landmarks without jitter, and without lag."""

from __future__ import annotations

import numpy as np

from faceveil.types import Float32Array, Float64Array
from faceveil.video.association import eye_distance

MIN_CUTOFF = 0.5
"""Cut-off frequency in Hz of a face that keeps still: the detector's jitter lies above it."""

BETA = 1.0
"""Rise of the cut-off in Hz for each eye distance a second at which the face moves."""

SPEED_CUTOFF = 1.0
"""Cut-off frequency in Hz of the speed itself."""


class OneEuro:
    """The one-euro filter (Casiez, Roussel and Vogel, CHI 2012) of a face's landmarks.

    A low pass whose cut-off rises with the speed of the face: steady where the face is still,
    quick where it moves. The speed is one for all points, so that the face keeps its shape.
    """

    def __init__(self) -> None:
        self._value: Float64Array | None = None
        self._raw: Float64Array | None = None
        self._velocity: Float64Array | None = None
        self._seconds = 0.0

    def __call__(self, landmarks: Float64Array, seconds: float) -> Float64Array:
        """Filter the next landmarks, (5, 2) in pixels, at a time in seconds."""
        if self._value is None or self._raw is None or self._velocity is None:
            self._velocity = np.zeros_like(landmarks)
            self._value = self._raw = landmarks
            self._seconds = seconds
            return landmarks
        step = max(abs(seconds - self._seconds), 1e-3)
        share = _share(SPEED_CUTOFF, step)
        newest = (landmarks - self._raw) / step
        self._velocity = share * newest + (1 - share) * self._velocity
        # Of the mean over the points: jitter of single points is no motion of the face.
        speed = float(np.linalg.norm(self._velocity.mean(axis=0))) / eye_distance(self._value)
        share = _share(MIN_CUTOFF + BETA * speed, step)
        self._value = share * landmarks + (1 - share) * self._value
        self._raw, self._seconds = landmarks, seconds
        return self._value


def _share(cutoff: float, step: float) -> float:
    """Share of the newest value in a first-order low pass."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * step))


def smooth_landmarks(landmarks: Float32Array, seconds: Float64Array) -> Float32Array:
    """Smooth a whole track, in both directions.

    The filter run forwards lags behind a moving face, run backwards it is as much ahead: their
    mean does neither.

    Args:
        landmarks: (T, 5, 2) in pixels.
        seconds: (T,) rising.

    Returns:
        (T, 5, 2) float32.
    """
    points, count = landmarks.astype(np.float64), len(landmarks)
    out = np.zeros_like(points)
    for order in (range(count), range(count - 1, -1, -1)):
        one_euro = OneEuro()
        for i in order:
            out[i] += one_euro(points[i], float(seconds[i])) / 2
    return out.astype(np.float32)
