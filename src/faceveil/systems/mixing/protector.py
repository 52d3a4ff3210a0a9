"""Face mixing (Othman & Ross, ECCV Workshops 2014): a morph with a face of the target gender.

The paper mixes with a photo of somebody else who looks alike. Here the other face is the average
of hundreds of photos of people of one gender who look alike, so that no one's photo is shipped.
It is given the contrast of the person's own face, which an average lacks: without that the mix
hides little (on 400 grey crops of celeba128-test a gender EER of 0.36 in place of 0.47).
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np

from faceveil.errors import OptionError
from faceveil.inference.device import Choice
from faceveil.systems.mixing.appearance import appearance, light
from faceveil.systems.mixing.candidates import Candidates, load_candidates
from faceveil.systems.mixing.landmarks import LandmarkFinder
from faceveil.systems.mixing.mesh import morph
from faceveil.types import Float32Array, Float64Array, Target

DEFAULT_SHARE = 0.5
"""The paper's strongest mix: halfway in shape and in colour."""


class MixingProtector:
    """Protects canonical crops by mixing each with the most alike candidate.

    With S the 68 points and I the face, S' and I' the candidate's, and a the share: both faces
    are warped to (1 - a) S + a S', piecewise affinely, and blended as (1 - a) I + a I'. A neutral
    target takes half of a from the candidate of each gender. The gender of the person makes no
    difference, the target alone does.

    Args:
        landmarks: ONNX file of the landmark network, with its card.
        candidates: ``.npz`` of the candidate faces, with its card.
        share: a, from 0 (the input, exactly) to 0.5.
        choice: what the network runs on.

    Raises:
        ModelError: if a file or its card is missing, damaged, or of another kind.
        OptionError: if ``share`` is out of range.
    """

    name = "mixing"
    channels = 3
    own_target: Target | None = "opposite"
    needs_gender = False
    replaces_face = False

    def __init__(
        self,
        landmarks: Path,
        candidates: Path,
        share: float = DEFAULT_SHARE,
        choice: Choice = Choice(),
    ) -> None:
        if not 0 <= share <= 0.5:
            raise OptionError(f"share: got {share}; expected 0 to 0.5")
        self.share = share
        self.finder = LandmarkFinder(landmarks, choice)
        self.candidates = load_candidates(candidates)
        self.grey = self.candidates.grey()
        self._rows: list[int] | None = None

    @property
    def runs_on(self) -> str:
        """What finds the landmarks; the rest is NumPy."""
        return self.finder.model.runs_on

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Protect a batch.

        Args:
            faces: (N, 224, 224, 3) RGB or (N, 224, 224) grey float32 in [0, 1].
            male: (N,) makes no difference.
            target: (N,) 1 male, 0 female, 0.5 neutral.
            landmarks: make no difference: 68 points are found here.

        Returns:
            The shape of ``faces``, float32 in [0, 1]; faces without colour stay without.
        """
        if len(faces) == 0 or self.share == 0:
            return faces.copy()
        rgb = faces if faces.ndim == 4 else np.repeat(faces[..., None], 3, axis=-1)
        shapes = self.finder(rgb)
        mixed = np.stack([self._mix(*one) for one in zip(rgb, shapes, target, strict=True)])
        return mixed if faces.ndim == 4 else np.ascontiguousarray(mixed[..., 0])

    def _mix(self, face: Float32Array, shape: Float32Array, target: float) -> Float32Array:
        """One face, (224, 224, 3), with its points, (68, 2)."""
        pool = self.grey if _colourless(face) else self.candidates
        rows = self._rows or self._nearest(pool, appearance(face, shape), target)
        return _blend(face, shape, pool, rows, self.share)

    def fix_for_person(
        self, faces: Float32Array, target: Float32Array, landmarks: Float64Array
    ) -> MixingProtector:
        """For a clip: one candidate for a person, the nearest to the mean of how they look.

        Args:
            faces: (N, 224, 224, 3) the person's first crops, in [0, 1].
            target: (1,) as in ``protect``.
            landmarks: make no difference.
        """
        pool = self.grey if all(map(_colourless, faces)) else self.candidates
        looks = [appearance(f, s) for f, s in zip(faces, self.finder(faces), strict=True)]
        fixed = copy.copy(self)
        fixed._rows = self._nearest(pool, np.mean(looks, axis=0), float(target[0]))
        return fixed

    def _nearest(self, pool: Candidates, look: Float32Array, target: float) -> list[int]:
        sides = (False, True) if target == 0.5 else (target > 0.5,)
        return [pool.nearest(look, bool(side)) for side in sides]


def _blend(
    face: Float32Array, shape: Float32Array, pool: Candidates, rows: list[int], share: float
) -> Float32Array:
    spread = light(face, shape)[1]
    images = [face, *(pool.lit(r, spread) for r in rows)]
    shapes = [shape, *(pool.shapes[r] for r in rows)]
    shares = [1 - share, *(share / len(rows) for _ in rows)]
    return np.clip(morph(images, shapes, shares), 0, 1)


def _colourless(face: Float32Array) -> bool:
    return bool(np.ptp(face, axis=-1).max() == 0)
