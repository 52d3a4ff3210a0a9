"""Did it work on this photo? The answer in numbers and in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.edits import Edit
from faceveil.evaluation.face_check import FaceCheck, check_faces, finite_or_none
from faceveil.evaluation.metrics.quality import psnr, ssim_map
from faceveil.evaluation.verdict import asked
from faceveil.files.boxes import face_values
from faceveil.imaging.crop import extract_crop, grey_levels, region
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import CROP_SIZE, canonical_from_landmarks, invert
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.registry import bundled
from faceveil.protect.choose import choose
from faceveil.protect.keys import known_key
from faceveil.protect.targets import Draw
from faceveil.types import Face, Target, Uint8Array

__all__ = ["FaceCheck", "PhotoCheck", "check_faces", "check_photos", "known_draw"]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoCheck:
    """A photo before and after.

    Attributes:
        faces: where the checked faces of the original are, from left to right.
        checks: one check per face, in the same order.
        asked: who was asked, such as ``three readers; others may differ``.
        psnr: in dB, over the luma where faces' canonical frames lie; None where nothing changed
            there, or there is no face.
        ssim: likewise, at most 1; None where there is no face.
        after: by the name of an edit, one check per face of the protected photo after it.
        doubtful: places of the original that may be faces, and were not checked.
    """

    faces: tuple[Face, ...]
    checks: tuple[FaceCheck, ...]
    asked: str
    psnr: float | None
    ssim: float | None
    after: Mapping[str, tuple[FaceCheck, ...]] = field(default_factory=dict)
    doubtful: tuple[Face, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there is a face, and every face passed, after every edit too."""
        every = (self.checks, *self.after.values())
        return bool(self.checks) and all(check.passed for checks in every for check in checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        faces = [
            {**face_values(face), **check.to_dict()}
            for face, check in zip(self.faces, self.checks, strict=True)
        ]
        return {
            "passed": self.passed,
            "asked": self.asked,
            "psnr": self.psnr,
            "ssim": self.ssim,
            "faces": faces,
            "after": {n: [c.to_dict() for c in checks] for n, checks in self.after.items()},
            "doubtful": [face_values(face) for face in self.doubtful],
        }


def check_photos(
    original: Uint8Array,
    protected: Uint8Array,
    detector: Detector,
    judges: Sequence[GenderJudge] | None = None,
    matcher: Matcher | None = None,
    threshold: float | None = None,
    draw: Draw | None = None,
    which: str = "all",
    edits: Sequence[Edit] = (),
) -> PhotoCheck:
    """Check a photo: faces are found in the original, the same frames are cut out of both.

    Args:
        original: (H, W, 3) uint8 RGB, upright.
        protected: the same photo after protection, the same shape.
        detector: finds faces in the original.
        judges: gender judges; the package's own where None.
        matcher: the face matcher; the package's own where None.
        threshold: cosine similarity at FMR 0.1 %; the matcher's card's where None.
        draw: what drew random targets; None where they were not random, or nobody knows.
        which: the faces to check: ``all``, ``largest``, or numbers from left to right.
        edits: after each of which the protected photo is read once more.

    Raises:
        OptionError: if the photos differ in size or are no RGB photos, a face is not there, or no
            threshold is known.
        ModelError: if the package's own judges are missing or damaged.
    """
    _check_photo_pair(original, protected)
    if judges is None or matcher is None:
        own = bundled()
        judges = own.gender if judges is None else judges
        matcher = own.matchers[0] if matcher is None else matcher
    chosen = choose(original, detector, which)
    faces, doubtful = chosen.faces, chosen.doubtful
    if not faces:
        return PhotoCheck((), (), asked(len(judges)), None, None, doubtful=doubtful)
    frames = [canonical_from_landmarks(face.landmarks) for face in faces]
    crops = [np.stack([extract_crop(p, m) for m in frames]) for p in (original, protected)]
    drawn = None if draw is None else [draw.male(crop) for crop in crops[0]]
    checks = check_faces(crops[0], crops[1], judges, matcher, threshold, drawn)
    boxes = [region(invert(m), CROP_SIZE, original.shape[:2]) for m in frames]
    quality = _face_region_quality(original, protected, boxes)
    changed = [check.outcome != "unchanged" for check in checks]
    after: dict[str, tuple[FaceCheck, ...]] = {}
    for edit in edits:
        edited = edit.apply(protected)
        crop = np.stack([extract_crop(edited, m) for m in frames])
        after[edit.name] = check_faces(crops[0], crop, judges, matcher, threshold, drawn, changed)
    return PhotoCheck(faces, checks, asked(len(judges)), *quality, after, doubtful)


def known_draw(
    target: Target | None, key: bytes | None = None, person: str = "", seed: int | None = None
) -> Draw | None:
    """What drew the targets of protected faces, as far as it is known here.

    Args:
        target: what faces were to read as; None for ``random``, as the default does.
        key: the secret; None for the seed, or else for this machine's own, if it has one.
        person: whose photo it is, where a person's photos share a target.
        seed: in place of a key.

    Returns:
        None where targets were not random, or there is nothing that could have drawn them.
    """
    if target not in (None, "random"):
        return None
    if key is None and seed is not None:
        return Draw(seed, person=person)
    secret = known_key() if key is None else key
    return Draw(key=secret, person=person) if secret else None


def _face_region_quality(
    original: Uint8Array, protected: Uint8Array, boxes: Sequence[tuple[int, int, int, int]]
) -> tuple[float | None, float | None]:
    inside = np.zeros(original.shape[:2], bool)
    for x0, y0, x1, y1 in boxes:
        inside[y0:y1, x0:x1] = True
    ys, xs = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    # Window's reach around the faces, so that the similarity map inside is that of the whole photo.
    rows = slice(max(0, ys[0] - 5), ys[-1] + 6)
    columns = slice(max(0, xs[0] - 5), xs[-1] + 6)
    before, after = grey_levels(original[rows, columns]), grey_levels(protected[rows, columns])
    part = inside[rows, columns]
    noise = psnr(before[part][:, None], after[part][:, None])
    if min(part.shape) < 11:
        return finite_or_none(noise), None
    return finite_or_none(noise), float(ssim_map(before, after)[part].mean())


def _check_photo_pair(original: Uint8Array, protected: Uint8Array) -> None:
    for photo in (original, protected):
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
            raise OptionError(
                f"photo: got {photo.dtype} {photo.shape}; expected uint8 (H, W, 3) RGB"
            )
    if original.shape != protected.shape:
        (h0, w0), (h1, w1) = original.shape[:2], protected.shape[:2]
        raise OptionError(
            f"photos: got {w0}x{h0} and {w1}x{h1}; expected equal sizes; "
            "compare a photo with its own protected copy, not resized or cropped"
        )
