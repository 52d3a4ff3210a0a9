"""The values that pass between FaceVeil's parts: frozen, typed, with stated units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Gender: TypeAlias = Literal["female", "male"]
"""Binary, because the data sets and classifiers of the field are: see the docs on its limits."""

Target: TypeAlias = Literal["opposite", "neutral", "random", "same"]
"""What gender a protected face should read as, relative to the person's own."""

Uint8Array: TypeAlias = NDArray[np.uint8]
Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face found in a photo.

    Attributes:
        box: (x0, y0, x1, y1) in pixels of the upright photo; may reach beyond its border.
        landmarks: (5, 2) float32 (x, y) in pixels of the upright photo, ordered image-left eye,
            image-right eye, nose tip, image-left and image-right mouth corner.
        score: the detector's confidence in [0, 1]; 1.0 where the caller gave the face.
        number: its place from left to right in the photo, from 0, as reports and ``faces`` count;
            None where nobody counted.
    """

    box: tuple[float, float, float, float]
    landmarks: Float32Array
    score: float = 1.0
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ProtectedFace:
    """What was done to one face.

    Attributes:
        face: where it is.
        gender: the gender that protection started from; None where it made no difference and nobody
            asked.
        gender_given: True where the caller stated it, False where it was estimated.
        p_male: the estimator's P(male) in [0, 1] of the original crop; None where it was not asked.
        target: what the protected face should read as.
        mean_change: mean absolute luma change over the canonical crop, in [0, 1] of full scale.
    """

    face: Face
    gender: Gender | None
    gender_given: bool
    p_male: float | None
    target: Literal["female", "male", "neutral"]
    mean_change: float


@dataclass(frozen=True, slots=True, eq=False)
class ProtectedPhoto:
    """A photo after protection.

    Attributes:
        image: (H, W, 3) uint8 RGB, the size of the input; equal to it outside the faces.
        faces: one entry per protected face, from left to right; the caller's own in their order.
        left: faces that were found and not chosen.
        doubtful: places that may be faces, with their scores, and were left as they are.
    """

    image: Uint8Array
    faces: tuple[ProtectedFace, ...]
    left: tuple[Face, ...] = ()
    doubtful: tuple[Face, ...] = ()
