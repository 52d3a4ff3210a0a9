"""Whose face is it: faces told apart by reference photos, with the matcher of the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import FaceVeilError, ModelError, OptionError
from faceveil.files.paths import shown
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.decode import MAX_PIXELS, load_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.imaging.photo import as_rgb
from faceveil.judges.onnx_judge import OnnxMatcher
from faceveil.types import Face, Float32Array, Uint8Array

LENIENT, STRICT = 1e-2, 1e-3
"""False match rates: who may be meant is protected, who is surely not meant is left."""

MAIN = 2.0
"""How many times as large as any other a reference's face must be, by area."""


class Known:
    """People by their reference photos; a :class:`faceveil.protect.choose.People`.

    In doubt a face is protected: at a false match rate of 1 % where those known are protected, and
    of 0.1 % where they are left.

    Args:
        matcher: the face matcher, whose card states both thresholds.
        only: crops of those who are protected, (N, 224, 224, 3) uint8 RGB; all where there is none.
        but: crops of those who are left, likewise.

    Raises:
        ModelError: if the matcher's card states no threshold.
    """

    def __init__(self, matcher: OnnxMatcher, only: Uint8Array, but: Uint8Array) -> None:
        self._matcher = matcher
        self._only, self._but = (
            matcher.embed(crops) if len(crops) else None for crops in (only, but)
        )
        lenient, strict = matcher.threshold(LENIENT), matcher.threshold(STRICT)
        if lenient is None or strict is None:
            raise ModelError(f"{matcher.info.name}: its card states no threshold; reinstall it")
        self._lenient, self._strict = lenient, strict

    def wanted(self, crops: Uint8Array) -> NDArray[np.bool_]:
        """Which of these crops, (N, 224, 224, 3) uint8 RGB, are to be protected: (N,)."""
        found = self._matcher.embed(crops)
        wanted = np.ones(len(crops), bool)
        if self._only is not None:
            wanted &= _closest(found, self._only) >= self._lenient
        if self._but is not None:
            wanted &= _closest(found, self._but) < self._strict
        return wanted


def reference_crop(path: Path, detector: Detector) -> Uint8Array:
    """The canonical crop of the one main face of a reference photo: (224, 224, 3) uint8 RGB.

    Raises:
        OptionError: if it cannot be read, or has no face, or several of about one size.
    """
    try:
        rgb = as_rgb(load_photo(path, max_pixels=MAX_PIXELS))
    except FaceVeilError as error:
        raise OptionError(f"{shown(path)}: {error}") from error
    faces = sorted(detector.detect(rgb), key=_area)
    if not faces:
        raise OptionError(f"{shown(path)}: no face found; expected a photo of one person")
    if len(faces) > 1 and _area(faces[-1]) < MAIN * _area(faces[-2]):
        raise OptionError(
            f"{shown(path)}: {len(faces)} faces, none of them the main one; expected a photo of "
            "one person, or crop it"
        )
    return extract_crop(rgb, canonical_from_landmarks(faces[-1].landmarks))


def known(
    matcher: OnnxMatcher, detector: Detector, only: Sequence[Path], but: Sequence[Path]
) -> Known:
    """People by the paths of their reference photos.

    Raises:
        OptionError: if a reference is no photo of one main face.
        ModelError: if the matcher's card states no threshold.
    """
    crops = [[reference_crop(path, detector) for path in paths] for paths in (only, but)]
    own, others = (np.stack(c) if c else np.empty((0, 224, 224, 3), np.uint8) for c in crops)
    return Known(matcher, own, others)


def _closest(found: Float32Array, references: Float32Array) -> Float32Array:
    return np.asarray((found @ references.T).max(axis=1), np.float32)


def _area(face: Face) -> float:
    return (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])
