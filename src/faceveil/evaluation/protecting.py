"""An evaluation's protectors: on crops, on photos, and again with other seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.sets import FaceSet, crop_of
from faceveil.imaging.detect import CenterFace, Detector
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.judges.boxed import Views, square_crop
from faceveil.own import can, user_object
from faceveil.protect.estimator import GenderEstimator
from faceveil.protect.protector import Protector
from faceveil.systems.specs import (
    MethodOptions,
    build_crop_protector,
    list_protectors,
    register_protector,
)
from faceveil.types import Face, Target, Uint8Array

Protect = Callable[[Uint8Array, NDArray[np.uint8]], Uint8Array]
"""Crops (N, 224, 224[, 3]) and labels (N,), 1 male -> protected crops."""

Reprotect = Callable[[NDArray[np.int64], int], Uint8Array]
"""Rows (K,) of the faces and a seed -> their protected crops (K, 224, 224[, 3])."""

TRIED = 16
"""Faces on which two seeds are compared: a fair coin agrees on all of them once in 65,536."""


@dataclass(frozen=True, slots=True)
class ProtectorSpec:
    """One protector of an evaluation.

    Attributes:
        method: ``original`` (unprotected), one of ``faceveil.list_protectors()``, or Python code of
            the user, ``module:name``: a class or object that is a ``CropProtector``, or a function
            of (crops, labels) that gives protected crops.
        name: how it is called in tables; the method where empty.
        strengths: each is measured; the curve of the privacy/utility plane.
        stages: for methods that take it.
        combine: for methods that take it.
        target: what faces should read as; None for what the method does on its own.
        hide: for methods that take it: some of ``gender``, ``age``, ``race``.
        weights: folder of the method's weights in place of the package's own, such as that of a
            run of one's own; relative to the evaluation's file.
    """

    method: str
    name: str = ""
    strengths: tuple[float, ...] = (1.0,)
    stages: int | None = None
    combine: str | None = None
    target: str | None = None
    hide: tuple[str, ...] | None = None
    weights: Path | None = None

    @property
    def label(self) -> str:
        """The name in tables."""
        return self.name or self.method


def protect_function(spec: ProtectorSpec, strength: float, threads: int, seed: int = 0) -> Protect:
    """A protector as a function of crops and labels.

    Args:
        spec: which one.
        strength: in [0, 1].
        threads: threads inside one operator.
        seed: of whatever it draws; a callable has its own.

    Raises:
        OptionError: if there is no such method or callable.
    """
    if spec.method == "original":
        return lambda crops, male: crops
    found = _function(spec.method)
    if found is not None:

        def mixed(crops: Uint8Array, male: NDArray[np.uint8]) -> Uint8Array:
            full = found(crops, male)
            blend = crops + np.float32(strength) * (full.astype(np.float32) - crops)
            return np.asarray(np.rint(blend), np.uint8)

        return mixed
    protector = _load(spec, CenterFace(choice=Choice(threads=threads)), threads, seed)
    target: Target | None = spec.target  # type: ignore[assignment]  # checked by protect_crops
    return lambda crops, male: protector.protect_crops(
        crops, male, target=target, strength=strength, seed=seed
    )


def protected(
    faces: FaceSet,
    spec: ProtectorSpec,
    strength: float,
    detector: Detector,
    threads: int,
    seed: int = 0,
) -> tuple[Uint8Array, Views, int | None]:
    """A set's faces, protected, as judges see them.

    Args:
        faces: the set.
        spec: the protector.
        strength: in [0, 1].
        detector: the judges' own, for photos; it sees the protected photo only.
        threads: threads inside one operator.
        seed: of whatever the protector draws.

    Returns:
        Canonical crops of the shape of the set's; of photos, squares of the margins that the set
        has, and in how many no face was found any more (there the crop is taken where it was),
        else no squares and None.

    Raises:
        OptionError: if there is no such protector, or a callable is to protect photos.
    """
    if not faces.photos:
        crops = protect_function(spec, strength, threads, seed)(faces.crops, faces.male)
        return crops, {}, None
    if spec.method == "original":
        return faces.crops, faces.views, 0
    if _function(spec.method) is not None:
        raise OptionError(
            f"{spec.method}: a function protects crops, not photos; give it sets in crop mode "
            "only, or write a class with 'protect'"
        )
    target: Target | None = spec.target  # type: ignore[assignment]  # checked by protect_photo
    protector = _load(spec, detector, threads, seed)
    return protected_photos(faces, protector, detector, target, strength, seed)


def protected_photos(
    faces: FaceSet,
    protector: Protector,
    detector: Detector,
    target: Target | None,
    strength: float,
    seed: int = 0,
) -> tuple[Uint8Array, Views, int]:
    """What judges crop out of protected photos; see :func:`protected`.

    What an attacker has is a photo, not a crop: the protected face is pasted back, and detection,
    alignment and colour are part of the chain.
    """
    crops = []
    views: dict[float, list[Uint8Array]] = {m: [] for m in faces.views}
    lost = 0
    for (path, face), male in zip(faces.photos, faces.male, strict=True):
        done = protector.protect_photo(
            path,
            faces=[face],
            gender="male" if male else "female",
            target=target,
            strength=strength,
            seed=seed,
        )
        found = detector.detect(done.image)
        lost += not found
        seen = _nearest(found, face) if found else face
        crops.append(crop_of(done.image, seen))
        for margin, view in views.items():
            view.append(square_crop(done.image, seen, margin))
    return np.stack(crops), {m: np.stack(view) for m, view in views.items()}, lost


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """More protected versions of the same faces, made whenever they are asked for: none is held.

    Attributes:
        reprotect: protects faces with a seed.
        faces: how many there are.
        seeds: one version each.
    """

    reprotect: Reprotect
    faces: int
    seeds: tuple[int, ...]

    def __iter__(self) -> Iterator[Uint8Array]:
        """Each (N, 224, 224[, 3]) uint8."""
        rows = np.arange(self.faces)
        return (self.reprotect(rows, seed) for seed in self.seeds)


def redrawn(reprotect: Reprotect, faces: int, seed: int, versions: int) -> Redrawn:
    """Versions beside the first one; none where the protector gives the same every time.

    What draws anew is found by trying, two seeds on a few faces: so any method, target or callable
    counts that does, and none that does not is run again in vain.

    Args:
        reprotect: protects faces with a seed.
        faces: how many there are.
        seed: of the version that is there already; the others follow it.
        versions: how many in all, that one included.
    """
    rows = np.unique(np.linspace(0, faces - 1, TRIED).astype(np.int64))
    draws = versions > 1 and not np.array_equal(reprotect(rows, seed), reprotect(rows, seed + 1))
    return Redrawn(reprotect, faces, tuple(range(seed + 1, seed + versions)) if draws else ())


def _nearest(faces: tuple[Face, ...], face: Face) -> Face:
    """Of the faces found, the one at the place of a known one."""
    centre = np.asarray(face.landmarks).mean(axis=0)
    return min(faces, key=lambda f: float(np.hypot(*(np.asarray(f.landmarks).mean(0) - centre))))


def _function(method: str) -> Protect | None:
    """The user's own function of crops; None where the method is a protector.

    A class or object of the user's that is a protector is known by its name from here on.
    """
    if ":" not in method:
        return None
    if method in list_protectors():
        return None
    found = user_object(method, "method", "module:name on Python's path or here")
    if can(found, "protect"):
        register_protector(method, found)
        return None
    if not callable(found):
        raise OptionError(
            f"method {method}: got a {type(found).__name__}; expected a function of crops and "
            "labels, or a class or object with 'protect'"
        )
    function: Protect = found
    return function


def _load(spec: ProtectorSpec, detector: Detector, threads: int, seed: int) -> Protector:
    options = MethodOptions(spec.stages, spec.combine, spec.hide, seed)
    method = build_crop_protector(
        spec.method, choice=Choice(threads=threads), weights=spec.weights, options=options
    )
    # Genders are given here, so the estimator is never asked.
    estimator = GenderEstimator(WEIGHTS / "gender_estimator.onnx", Choice(threads=threads))
    return Protector(method, estimator, detector)
