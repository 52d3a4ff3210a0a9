"""The object that users hold: photos and crops in, protected photos and crops out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.decode import MAX_PIXELS, load_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.imaging.photo import Photo, as_rgb, from_rgb
from faceveil.protect.base import CropProtector
from faceveil.protect.change import change_of
from faceveil.protect.choose import Chosen, Doubtful
from faceveil.protect.decide import Aim
from faceveil.protect.estimator import GenderEstimator
from faceveil.protect.given import GivenPhoto, checked, completed
from faceveil.protect.photo import PhotoOptions, protect_photo
from faceveil.protect.targets import Draw
from faceveil.types import (
    Face,
    Float32Array,
    Gender,
    ProtectedFace,
    ProtectedPhoto,
    Target,
    Uint8Array,
)

_TOGETHER = 64  # crops at a time: memory does not grow with their number


class Protector:
    """Protects photos and crops with one method.

    Made by :func:`faceveil.load_protector`. Holds models only, no state of photos: safe to share
    between threads.

    Args:
        crop_protector: the method.
        estimator: reads the gender that protection starts from where it is not given.
        detector: finds faces in photos.
    """

    def __init__(
        self, crop_protector: CropProtector, estimator: GenderEstimator, detector: Detector
    ) -> None:
        self.crop_protector = crop_protector
        self.estimator = estimator
        self.detector = detector

    @property
    def name(self) -> str:
        """The method's name."""
        return self.crop_protector.name

    @property
    def device(self) -> str:
        """What the method's networks run on, such as ``CPU``, ``CPU (OpenVINO)`` or ``CUDA``."""
        return self.crop_protector.runs_on

    def protect_photo(
        self,
        photo: Uint8Array | str | Path,
        *,
        faces: str | Sequence[Face] = "all",
        gender: Gender | None = None,
        target: Target | None = None,
        strength: float | None = None,
        seed: int | None = None,
        aligned: bool = False,
        key: bytes = b"",
        person: str = "",
        doubtful: Doubtful = "report",
    ) -> ProtectedPhoto:
        """Protect the faces of one photo.

        Args:
            photo: (H, W, 3) RGB or (H, W) grey uint8 array, or the path of a file.
            faces: ``all``, ``largest``, numbers such as ``0,2`` from left to right, or the
                caller's own faces (box and five landmarks each, within the photo, eyes at least 2
                pixels apart).
            gender: of all chosen faces; None to estimate each, where anything depends on it.
            target: what they should read as; where None, random if there is a key or a person, else
                what the method does on its own (``opposite``, but ``random`` for the default).
            strength: 0 leaves the photo as it is, 1 is the full change; None for 0.8, or 1 where
                the method stands in for the face (a blur).
            seed: decides ``target="random"``; where None, this machine's own key does.
            aligned: the photo is a square canonical crop: nothing is detected.
            key: a secret of at least 16 bytes in place of the seed: nobody without it can tell
                which random target a face got.
            person: a name: the same random target in all photos of one person.
            doubtful: what becomes of places that may be faces: they are left and told
                (``report``), protected like faces (``protect``), or an error (``fail``).

        Returns:
            The protected photo and what was done to each face; no faces where none was found.

        Raises:
            PhotoError: if the photo cannot be read.
            OptionError: if an option has a bad value.
            DoubtfulFaceError: if there are doubtful places, and that is to be an error.
        """
        loaded = (
            from_rgb(photo)
            if isinstance(photo, np.ndarray)
            else load_photo(Path(photo), max_pixels=MAX_PIXELS)
        )
        spec = faces if isinstance(faces, str) else "all"
        options = PhotoOptions(
            spec, gender, target, strength, seed, aligned, key, person, doubtful=doubtful
        )
        if not isinstance(faces, str):
            chosen = Chosen(checked(faces, loaded.pixels.shape))
        else:
            chosen = self.choose(loaded, options)
        done, found = self.protect_loaded(loaded, options, chosen.faces)
        return ProtectedPhoto(as_rgb(done), found, chosen.left, chosen.doubtful)

    def choose(
        self, photo: Photo, options: PhotoOptions, given: GivenPhoto | None = None
    ) -> Chosen:
        """Which faces of a decoded photo are to be protected.

        Args:
            photo: the photo.
            options: what the user wants.
            given: faces that are known, in place of the detector's.

        Raises:
            OptionError: if a given face is out of limits, or one is chosen that is not there.
            NoFaceError: if no landmarks are found in a given box.
            DoubtfulFaceError: if there are doubtful places, and that is to be an error.
        """
        options.aim(self.crop_protector)  # what cannot be done is said before the search
        if options.aligned:
            return Chosen(())
        rgb = as_rgb(photo)
        sight = None if given is None else completed(given, rgb, self.detector)
        return options.choose(rgb, self.detector, sight)

    def protect_loaded(
        self, photo: Photo, options: PhotoOptions, given: tuple[Face, ...] | None = None
    ) -> tuple[Photo, tuple[ProtectedFace, ...]]:
        """Protect a decoded photo, in its own mode and depth; what the command line calls.

        Args:
            photo: the photo.
            options: what to do.
            given: the faces to protect, as :meth:`choose` gives them; None to choose them here.
        """
        return protect_photo(
            photo, self.crop_protector, self.estimator, self.detector, options, given
        )

    def protect_crops(
        self,
        crops: Uint8Array,
        genders: Sequence[int] | Uint8Array | None = None,
        *,
        target: Target | None = None,
        strength: float | None = None,
        seed: int | None = None,
        key: bytes = b"",
    ) -> Uint8Array:
        """Protect canonical crops.

        Args:
            crops: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8, in the canonical frame.
            genders: (N,) of 0 female, 1 male; None to estimate them.
            target: what they should read as; where None, random if there is a key, else what the
                method does on its own.
            strength: 0 leaves the crops as they are, 1 is the full change; None as in photos.
            seed: decides ``target="random"``; where None, this machine's own key does.
            key: a secret of at least 16 bytes in its place.

        Returns:
            The shape of ``crops``, uint8. Methods that work on luma keep the colour of RGB crops:
            all channels get the same change.

        Raises:
            OptionError: if a shape, type or value is not as above.
        """
        method, draw = self.crop_protector, Draw(seed, key)
        aim = Aim.of(method, target=target, strength=strength, draw=draw, drawn=bool(key))
        _check_crops(crops)
        male = None if genders is None else _as_male(genders, len(crops))
        done = crops.copy()
        for start in range(0, len(crops), _TOGETHER):
            rows = slice(start, start + _TOGETHER)
            decided = aim.decide(crops[rows], self.estimator, None if male is None else male[rows])
            change = change_of(method, crops[rows], decided.male, decided.target, None)
            change = aim.strength * (change if change.ndim == crops.ndim else change[..., None])
            done[rows] = np.clip(np.rint(crops[rows] + change * 255), 0, 255)
        return done


def _as_male(genders: Sequence[int] | Uint8Array, count: int) -> Float32Array:
    given = np.asarray(genders)
    if given.shape != (count,) or not np.isin(given, (0, 1)).all():
        raise OptionError(
            f"genders: got {given.tolist() if given.size < 9 else given.shape}; expected "
            f"{count} values of 0 (female) or 1 (male), or None"
        )
    return given.astype(np.float32)


def _check_crops(crops: Uint8Array) -> None:
    good = isinstance(crops, np.ndarray) and crops.dtype == np.uint8
    side = (CROP_SIZE, CROP_SIZE)
    good = good and crops.ndim in (3, 4) and crops.shape[1:3] == side
    if not good or (crops.ndim == 4 and crops.shape[3] != 3):
        got = f"{getattr(crops, 'dtype', type(crops).__name__)} {getattr(crops, 'shape', '')}"
        raise OptionError(
            f"crops: got {got}; expected uint8 (N, 224, 224) or (N, 224, 224, 3); "
            "for photos use protect_photo"
        )
