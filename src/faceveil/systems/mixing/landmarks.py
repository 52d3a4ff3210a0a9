"""68 landmarks of a canonical crop, from FaceVeil's own network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.inference.device import Choice
from faceveil.inference.model import Model
from faceveil.types import Float32Array

POINTS = 68
"""iBUG's points: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67."""

SIDE, SQUARE = 182, (21, 35)
"""The network's square of the 224 px canonical crop: its side, and its left and top border."""

INPUT = 112
"""Side of the network's input in pixels."""


def _mirrored() -> NDArray[np.int64]:
    """For each point of a mirrored face, which point of the face it is."""
    pairs = [(i, 16 - i) for i in range(8)] + [(i, 43 - i) for i in range(17, 22)]
    pairs += [(31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    pairs += [(48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)]
    order = np.arange(POINTS)
    for a, b in pairs:
        order[a], order[b] = b, a
    return order


MIRRORED = _mirrored()
"""``points[MIRRORED]`` of a mirrored face are in iBUG's order again: (68,)."""


class LandmarkFinder:
    """Finds 68 points.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        choice: what the network runs on.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """

    def __init__(self, weights: Path, choice: Choice = Choice()) -> None:
        self.model = Model.load(weights, "landmarks", choice.reference)

    def __call__(self, faces: Float32Array) -> Float32Array:
        """Landmarks of a batch.

        Args:
            faces: (N, 224, 224, 3) float32 RGB in [0, 1], canonical crops; N >= 1.

        Returns:
            (N, 68, 2) float32 (x, y) in pixels of the crop; may lie beyond its border.
        """
        x, y = SQUARE
        squares = [
            cv2.resize(f[y : y + SIDE, x : x + SIDE], (INPUT, INPUT), interpolation=cv2.INTER_AREA)
            for f in faces
        ]
        feed = np.ascontiguousarray(np.stack(squares).transpose(0, 3, 1, 2), np.float32)
        return self.model({"image": feed})
