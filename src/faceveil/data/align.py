"""The face that a labelled photo is about, in the canonical frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceveil.data.records import Record
from faceveil.errors import PhotoError
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.decode import load_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.imaging.photo import as_rgb
from faceveil.types import Face, Float64Array, Uint8Array


def align(record: Record, detector: Detector, size: int) -> Uint8Array:
    """A record's face in the canonical frame: (size, size, 3) RGB.

    Raises:
        PhotoError: if the photo cannot be read or shows no face.
        OptionError: if the record's landmarks are no face's.
    """
    rgb = as_rgb(load_photo(record.path))
    if record.landmarks is not None:
        points: Float64Array = np.asarray(record.landmarks, np.float64)
    else:
        found = detector.detect(rgb)
        if not found:
            raise PhotoError("no face found")
        points = np.asarray(most_central(found, rgb.shape[:2]).landmarks, np.float64)
    return extract_crop(rgb, canonical_from_landmarks(points, size), size)


def most_central(faces: Sequence[Face], shape: tuple[int, ...]) -> Face:
    """The face that a labelled photo is about: large and near the middle."""
    centre = np.array(shape[::-1]) / 2

    def rank(face: Face) -> float:
        x0, y0, x1, y1 = face.box
        side = float(np.sqrt(max(0.0, (x1 - x0) * (y1 - y0))))
        away = float(np.hypot(*((x0 + x1) / 2 - centre[0], (y0 + y1) / 2 - centre[1])))
        return side - away

    return max(faces, key=rank)
