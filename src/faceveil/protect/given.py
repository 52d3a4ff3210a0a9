"""Faces that the caller gives in place of the detector: within limits, with landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceveil.errors import NoFaceError, OptionError
from faceveil.imaging.detect import Detector, sight_of
from faceveil.imaging.geometry import CROP_SIZE, canonical_from_landmarks
from faceveil.imaging.search import Sight
from faceveil.types import Face, Float32Array, Uint8Array

MOST_FACES = 1000
"""Faces that may be given for one photo."""

MOST_SEARCHED = 200
"""Of these, boxes in which landmarks are looked for: each is a search."""

LEAST_EYES = 2.0
"""Pixels between the eyes of the smallest face that may be given: less holds no gender."""

MOST_SIDES = 2.0
"""Distance of the eyes of the largest, in longer sides of the photo."""

_EYES = 64.0  # pixels between the eyes of a canonical crop
_ROOM = 0.8  # of a box's larger side, around it, in which landmarks are looked for


@dataclass(frozen=True, slots=True)
class GivenFace:
    """A face as the caller knows it.

    Attributes:
        box: (x0, y0, x1, y1) in pixels of the upright photo.
        landmarks: five (x, y), ordered as in :class:`faceveil.Face`; None to look for them.
        score: in [0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...] | None = None
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class GivenPhoto:
    """What the caller knows of a photo.

    Attributes:
        faces: the faces.
        doubtful: places that may be faces.
        size: (width, height) of the photo that they were found in; None where it is not known.
    """

    faces: tuple[GivenFace, ...] = ()
    doubtful: tuple[GivenFace, ...] = ()
    size: tuple[int, int] | None = None


def completed(given: GivenPhoto, rgb: Uint8Array, detector: Detector) -> Sight:
    """Given faces with all that is needed of them.

    Args:
        given: what the caller knows.
        rgb: (H, W, 3) uint8, the upright photo.
        detector: finds the landmarks that are not given.

    Raises:
        OptionError: if the photo has another size, or a face is out of limits.
        NoFaceError: if no landmarks are found in a box.
    """
    height, width = rgb.shape[:2]
    if given.size not in (None, (width, height)):
        got = "{} x {}".format(*given.size or ())
        raise OptionError(f"boxes: for a photo of {got} pixels; this one has {width} x {height}")
    searched = sum(face.landmarks is None for face in (*given.faces, *given.doubtful))
    if searched > MOST_SEARCHED:
        raise OptionError(
            f"boxes: got {searched} without landmarks; expected at most {MOST_SEARCHED} for a photo"
        )
    faces = tuple(_completed(face, i, rgb, detector) for i, face in enumerate(given.faces))
    maybe = tuple(_completed(face, i, rgb, detector) for i, face in enumerate(given.doubtful))
    return Sight(checked(faces, rgb.shape), checked(maybe, rgb.shape))


def checked(faces: Sequence[Face], shape: tuple[int, ...]) -> tuple[Face, ...]:
    """Given faces, all of which lie in the photo and have a size that can be protected.

    Args:
        faces: box and landmarks each.
        shape: of the photo, (H, W, ...).

    Raises:
        OptionError: if one does not, naming the limit.
    """
    if len(faces) > MOST_FACES:
        raise OptionError(f"faces: got {len(faces)}; expected at most {MOST_FACES} for a photo")
    height, width = shape[:2]
    for number, face in enumerate(faces):
        name = f"face {number}"
        points = np.asarray(face.landmarks, np.float64)
        if points.shape != (5, 2) or not np.isfinite(points).all():
            raise OptionError(f"{name}: got landmarks {points.shape}; expected 5 finite (x, y)")
        x0, y0, x1, y1 = face.box
        if not (np.isfinite(face.box).all() and x0 < x1 and y0 < y1):
            raise OptionError(f"{name}: got box {face.box}; expected x0 < x1 and y0 < y1")
        if np.ptp(points, axis=0).max() < 1e-6:
            raise OptionError(f"{name}: all its landmarks coincide; expected five points of a face")
        scale = float(np.linalg.norm(canonical_from_landmarks(points, CROP_SIZE)[:, 0]))
        eyes, most = _EYES / max(scale, 1e-9), MOST_SIDES * max(height, width)
        if not LEAST_EYES <= eyes <= most:
            raise OptionError(
                f"{name}: its landmarks are those of a face with eyes {eyes:.3g} pixels apart; "
                f"expected {LEAST_EYES:g} to {most:g} in this photo"
            )
        x, y = points.mean(axis=0)
        if not (-eyes <= x <= width + eyes and -eyes <= y <= height + eyes):
            raise OptionError(
                f"{name}: its landmarks lie around ({x:.0f}, {y:.0f}), outside the photo of "
                f"{width} x {height} pixels; expected them in it, or an eye distance beyond"
            )
    return tuple(faces)


def _completed(given: GivenFace, number: int, rgb: Uint8Array, detector: Detector) -> Face:
    x0, y0, x1, y1 = box = given.box
    name = f"box {number} ({', '.join(f'{v:g}' for v in box)})"
    if not (np.isfinite(box).all() and x0 < x1 and y0 < y1):
        raise OptionError(f"{name}: expected x0 < x1 and y0 < y1")
    if given.landmarks is None:
        return Face(box, _landmarks(box, name, rgb, detector), given.score)
    points = np.array(given.landmarks, np.float32)
    x, y = points.mean(axis=0)
    if not (x0 <= x <= x1 and y0 <= y <= y1):
        raise OptionError(
            f"{name}: its landmarks lie around ({x:.0f}, {y:.0f}), outside of it; leave them out "
            "to have them found"
        )
    return Face(box, points, given.score)


def _landmarks(
    box: tuple[float, float, float, float], name: str, rgb: Uint8Array, detector: Detector
) -> Float32Array:
    """The landmarks of the face that fills a box best."""
    x0, y0, x1, y1 = box
    height, width = rgb.shape[:2]
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise OptionError(f"{name}: lies outside the photo of {width} x {height} pixels")
    room = _ROOM * max(x1 - x0, y1 - y0)
    left, top = (max(0, int(v - room)) for v in (x0, y0))
    right, bottom = (int(min(side, v + room)) + 1 for side, v in ((width, x1), (height, y1)))
    sight = sight_of(detector, np.ascontiguousarray(rgb[top:bottom, left:right]))
    inside = (x0 - left, y0 - top, x1 - left, y1 - top)
    for found in (sight.faces, sight.doubtful):
        best = max(found, key=lambda face: _overlap(face.box, inside), default=None)
        if best is not None and _overlap(best.box, inside) > 0.1:
            return best.landmarks + np.array([left, top], np.float32)
    raise NoFaceError(
        f"{name}: no face found in it; expected one, or its five landmarks beside the box"
    )


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return shared / max(sum(areas) - shared, 1e-9)
