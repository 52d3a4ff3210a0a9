"""One photo, end to end: find, align, protect, paste back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

import cv2
import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.detect import Detector, face_numbers
from faceveil.imaging.geometry import (
    CROP_SIZE,
    canonical_from_landmarks,
    canonical_template,
    transform,
)
from faceveil.imaging.paste import Patch, apply_patches, crop_patch
from faceveil.imaging.photo import Photo, as_rgb, own_change
from faceveil.imaging.search import Sight
from faceveil.protect.base import CropProtector
from faceveil.protect.change import change_of
from faceveil.protect.choose import Chosen, Doubtful, People, choose
from faceveil.protect.decide import Aim
from faceveil.protect.estimator import GenderEstimator
from faceveil.protect.targets import Draw, checked_strength, gender_name, target_names
from faceveil.types import (
    Face,
    Float32Array,
    Float64Array,
    Gender,
    ProtectedFace,
    Target,
    Uint8Array,
)


@dataclass(frozen=True, slots=True)
class PhotoOptions:
    """What the user wants done to each photo.

    Attributes:
        faces: ``all``, ``largest``, or numbers such as ``0,2`` from left to right.
        gender: of all chosen faces; None to estimate each.
        target: what they should read as; where None, random if there is a key or a person, else
            what the method does on its own.
        strength: 0 leaves the photo as it is, 1 is the full change; None for the method's own.
        seed: decides ``target="random"`` where there is no key; None for this machine's own key.
        aligned: the photo is a square canonical crop already: nothing is detected.
        key: a secret in place of the seed; see :class:`faceveil.protect.targets.Draw`.
        person: who is shown: the same random target in all photos of one person.
        own: this machine's key, where targets are drawn on another one.
        doubtful: what becomes of places that may be faces: ``report`` (they are left), ``protect``,
            or ``fail``.
        people: chooses faces by who they are; all of ``faces`` where None.
    """

    faces: str = "all"
    gender: Gender | None = None
    target: Target | None = None
    strength: float | None = None
    seed: int | None = None
    aligned: bool = False
    key: bytes = field(default=b"", repr=False)
    person: str = ""
    own: bytes = field(default=b"", repr=False)
    doubtful: Doubtful = "report"
    people: People | None = None

    def aim(self, method: CropProtector) -> Aim:
        """What that method is to do to faces.

        Raises:
            OptionError: if something is wanted that the method cannot do.
        """
        return Aim.of(
            method,
            gender=self.gender,
            target=self.target,
            strength=self.strength,
            draw=self.draw,
            drawn=bool(self.key or self.person),
        )

    @property
    def draw(self) -> Draw:
        """What decides random targets."""
        return Draw(self.seed, self.key or self.own, self.person)

    def __post_init__(self) -> None:
        checked_strength(self.strength)
        face_numbers(self.faces)  # raises where it names none
        if (self.key or self.person) and self.target not in (None, "random"):
            got = "key" if self.key else "person"
            raise OptionError(f"{got}: it decides random targets; add target random")
        self.draw  # noqa: B018  # raises where the key is none
        if self.gender not in (None, "female", "male"):
            raise OptionError(f"gender: got {self.gender!r}; expected female, male, or None")
        if self.doubtful not in get_args(Doubtful):
            known = ", ".join(get_args(Doubtful))
            raise OptionError(f"doubtful: got {self.doubtful!r}; expected one of {known}")

    def choose(self, rgb: Uint8Array, detector: Detector, given: Sight | None = None) -> Chosen:
        """The faces of a photo that are to be protected; see :func:`.choose.choose`."""
        return choose(rgb, detector, self.faces, self.doubtful, self.people, given)


def protect_photo(
    photo: Photo,
    protector: CropProtector,
    estimator: GenderEstimator,
    detector: Detector,
    options: PhotoOptions,
    given_faces: tuple[Face, ...] | None = None,
) -> tuple[Photo, tuple[ProtectedFace, ...]]:
    """Protect the faces of a photo.

    Args:
        photo: the photo.
        protector: the method.
        estimator: reads the gender where the options do not state it.
        detector: finds faces where none are given.
        options: what to do.
        given_faces: the faces to protect, whatever the options choose; the detector is not asked.

    Returns:
        The protected photo (equal to the input outside the faces) and what was done to each face;
        the photo itself and an empty tuple where there is no face.
    """
    rgb = as_rgb(photo)
    aim = options.aim(protector)  # what cannot be done is said even where there is no face
    if options.aligned:
        return _protect_aligned(photo, protector, estimator, aim)
    faces = options.choose(rgb, detector).faces if given_faces is None else given_faces
    if not faces:
        return photo, ()
    maps = [canonical_from_landmarks(face.landmarks) for face in faces]
    # All of them before the first change, since neighbours' crops overlap.
    crops = [extract_crop(rgb, matrix)[None] for matrix in maps]
    done: list[ProtectedFace] = []

    def patches() -> Iterator[Patch]:
        # One face at a time: a crowd needs no more memory, and a batch is no quicker.
        for face, matrix, crop in zip(faces, maps, crops, strict=True):
            points = transform(matrix, face.landmarks)[None]
            change, described = _changed(face, crop, points, protector, estimator, aim)
            done.append(described)
            yield crop_patch(own_change(photo, crop[0], change), matrix, rgb.shape)

    return apply_patches(photo, patches()), tuple(done)


def _changed(
    face: Face,
    crop: Uint8Array,
    points: Float64Array | None,
    protector: CropProtector,
    estimator: GenderEstimator,
    aim: Aim,
) -> tuple[Float32Array, ProtectedFace]:
    """The change of a face's crop, (1, 224, 224, 3), and what is said of it."""
    decided = aim.decide(crop, estimator)
    change = aim.strength * change_of(protector, crop, decided.male, decided.target, points)
    described = ProtectedFace(
        face=face,
        gender=gender_name(float(decided.male[0])),
        gender_given=aim.gender is not None,
        p_male=None if decided.p_male is None else float(decided.p_male[0]),
        target=target_names(decided.target)[0],
        mean_change=float(np.abs(change).mean()),
    )
    return change[0], described


def _protect_aligned(
    photo: Photo, protector: CropProtector, estimator: GenderEstimator, aim: Aim
) -> tuple[Photo, tuple[ProtectedFace, ...]]:
    """A photo that is a canonical crop: the change covers it whole, without a feather."""
    height, width = photo.pixels.shape[:2]
    if height != width:
        raise OptionError(
            f"aligned: got {width} x {height} pixels; expected a square canonical crop"
        )
    rgb = as_rgb(photo)
    full = (CROP_SIZE, CROP_SIZE)
    method = cv2.INTER_AREA if height > CROP_SIZE else cv2.INTER_CUBIC
    crop = np.asarray(cv2.resize(rgb, full, interpolation=method), np.uint8)[None]
    points = canonical_template(height).astype(np.float32)
    face = Face((0.0, 0.0, float(width), float(height)), points)
    change, described = _changed(face, crop, None, protector, estimator, aim)
    change = own_change(photo, crop[0], change)
    method = cv2.INTER_AREA if height < CROP_SIZE else cv2.INTER_CUBIC
    own = np.asarray(cv2.resize(change, (width, height), interpolation=method), np.float32)
    return apply_patches(photo, [Patch(0, 0, own)]), (described,)
