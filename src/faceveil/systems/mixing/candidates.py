"""The faces that a face is mixed with: averages of many people, so that nobody is in them."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import ModelError
from faceveil.imaging.crop import LUMA
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.inference.card import card_beside, verified_bytes
from faceveil.systems.mixing.appearance import appearance, light
from faceveil.systems.mixing.landmarks import POINTS
from faceveil.types import Float32Array

MOST_GAIN = 2.0
"""Highest gain of a candidate's contrast: hard light on one cheek is no reason for more."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Candidate faces with what they are chosen by.

    Attributes:
        faces: (K, 224, 224, 3) float32 RGB in [0, 1].
        shapes: (K, 68, 2) float32 points in pixels of the crop.
        male: (K,) bool.
        looks: (K, 139) their :func:`faceveil.systems.mixing.appearance.appearance`.
        light: (K, 2) their :func:`faceveil.systems.mixing.appearance.light`.
    """

    faces: Float32Array
    shapes: Float32Array
    male: NDArray[np.bool_]
    looks: Float32Array
    light: Float32Array

    @classmethod
    def of(cls, faces: Float32Array, shapes: Float32Array, male: NDArray[np.bool_]) -> Candidates:
        """Candidates from faces and points."""
        pairs = list(zip(faces, shapes, strict=True))
        looks = np.stack([appearance(f, s) for f, s in pairs])
        lights = np.array([light(f, s) for f, s in pairs], np.float32)
        return cls(faces, shapes, male, looks, lights)

    def grey(self) -> Candidates:
        """The same faces without colour."""
        luma = self.faces @ LUMA
        return Candidates.of(np.repeat(luma[..., None], 3, axis=-1), self.shapes, self.male)

    def nearest(self, look: Float32Array, male: bool) -> int:
        """The candidate of that gender that looks most like a face.

        Args:
            look: (139,) the face's appearance.
            male: the gender.

        Returns:
            Its row.
        """
        distance = np.linalg.norm(self.looks - look, axis=1)
        return int(np.where(self.male == male, distance, np.inf).argmin())

    def lit(self, row: int, spread: float) -> Float32Array:
        """A candidate with the contrast of another face.

        An average has less contrast than any photo of its people. Its luma is spread about the
        mean, at most by ``MOST_GAIN`` and never narrowed; colour stays.

        Args:
            row: the candidate.
            spread: standard deviation of the other face's luma.

        Returns:
            (224, 224, 3) in [0, 1].
        """
        face, (mean, own) = self.faces[row], self.light[row]
        gain = np.float32(np.clip(spread / max(float(own), 1e-6), 1, MOST_GAIN))
        spread_out = face + (gain - 1) * ((face @ LUMA) - mean)[..., None]
        return np.asarray(np.clip(spread_out, 0, 1), np.float32)


def load_candidates(path: Path) -> Candidates:
    """Read candidates.

    Args:
        path: an ``.npz`` of ``faces`` (K, S, S, 3) uint8, ``shapes`` (K, 68, 2) float32 and
            ``male`` (K,) bool; its card lies beside it with the suffix ``.json``.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """
    card = card_beside(path)
    if card.get("kind") != "candidates":
        raise ModelError(f"{path}: kind is {card.get('kind')!r}; expected candidate faces")
    data = verified_bytes(path, card.get("sha256"))
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            faces, shapes, male = file["faces"], file["shapes"], file["male"]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path}: cannot be read ({error}); expected candidate faces; reinstall faceveil"
        ) from error
    good = faces.ndim == 4 and shapes.shape == (len(faces), POINTS, 2)
    if not good or male.shape != faces.shape[:1] or not (male.any() and (~male).any()):
        raise ModelError(
            f"{path}: got arrays {faces.shape}, {shapes.shape}, {male.shape}; expected candidate "
            "faces of both genders with 68 points each; reinstall faceveil"
        )
    size = (CROP_SIZE, CROP_SIZE)
    full = [cv2.resize(f, size, interpolation=cv2.INTER_CUBIC) for f in faces]
    scaled = (np.stack(full) / np.float32(255)).astype(np.float32)
    return Candidates.of(scaled, shapes.astype(np.float32), male.astype(bool))
