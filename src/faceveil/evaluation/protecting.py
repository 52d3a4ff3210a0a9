"""An evaluation's protectors by their entries: as functions of crops, and on photos."""

from __future__ import annotations

import importlib
import os
import sys

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.base import Protect
from faceveil.evaluation.config import ProtectorSpec
from faceveil.evaluation.faces import FaceSet
from faceveil.evaluation.photos import PhotoSet, Seen, protected_crops
from faceveil.evaluation.redraw import Redraw
from faceveil.imaging.detect import Detector
from faceveil.protect.protector import Protector
from faceveil.types import Target, Uint8Array


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
    if ":" in spec.method:
        module, _, attribute = spec.method.partition(":")
        sys.path.insert(0, os.getcwd())  # the user's own code, as with python -m
        try:
            found: Protect = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise OptionError(
                f"{spec.method}: {error}; expected module:function on Python's path or here"
            ) from error
        finally:
            sys.path.pop(0)

        def mixed(crops: Uint8Array, male: NDArray[np.uint8]) -> Uint8Array:
            full = found(crops, male)
            blend = crops + np.float32(strength) * (full.astype(np.float32) - crops)
            return np.asarray(np.rint(blend), np.uint8)

        return mixed
    protector = _load(spec, threads, seed)
    target: Target | None = spec.target  # type: ignore[assignment]  # checked by protect_crops
    return lambda crops, male: protector.protect_crops(
        crops, male, target=target, strength=strength, seed=seed
    )


def photo_crops(
    photos: PhotoSet,
    spec: ProtectorSpec,
    strength: float,
    detector: Detector,
    threads: int,
    seed: int = 0,
) -> Seen:
    """What judges crop out of protected photos; see :func:`.photos.protected_crops`.

    Raises:
        OptionError: if the protector is a callable.
    """
    if spec.method == "original":
        return Seen(photos.faces.crops, photos.views, 0)
    if ":" in spec.method:
        raise OptionError(
            f"{spec.method}: a callable protects crops, not photos; give it sets in crop mode only"
        )
    target: Target | None = spec.target  # type: ignore[assignment]  # checked by protect_photo
    protector = _load(spec, threads, seed)
    return protected_crops(photos, protector, detector, target, strength, seed)


def redraw_crops(faces: FaceSet, spec: ProtectorSpec, strength: float, threads: int) -> Redraw:
    """Protects a set's crops again, with other seeds; arguments as elsewhere here."""

    def redraw(rows: NDArray[np.int64], seed: int) -> Uint8Array:
        protect = protect_function(spec, strength, threads, seed)
        return protect(faces.crops[rows], faces.male[rows])

    return redraw


def redraw_photos(
    photos: PhotoSet, spec: ProtectorSpec, strength: float, detector: Detector, threads: int
) -> Redraw:
    """Protects photos again, with other seeds, and crops what a judge finds."""

    def redraw(rows: NDArray[np.int64], seed: int) -> Uint8Array:
        return photo_crops(photos.take(rows), spec, strength, detector, threads, seed).crops

    return redraw


def _load(spec: ProtectorSpec, threads: int, seed: int) -> Protector:
    from faceveil.api import load_protector

    return load_protector(
        spec.method,
        threads=threads,
        stages=spec.stages,
        combine=spec.combine,
        hide=spec.hide,
        seed=seed,
    )
