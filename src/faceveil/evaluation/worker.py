"""One unit of an evaluation as a worker process does it: load, protect, measure, keep."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.base import Protect
from faceveil.evaluation.config import EvaluationConfig, ProtectorSpec, SetSpec
from faceveil.evaluation.faces import FaceSet, load_pack
from faceveil.evaluation.photos import PhotoSet, load_photos, protected_crops
from faceveil.evaluation.provenance import digests
from faceveil.evaluation.rows import to_json
from faceveil.evaluation.unit import Unit, measure_unit
from faceveil.imaging.detect import CenterFace
from faceveil.imaging.encode import write_atomic
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.cache import Answers, CachedGenderJudge, CachedMatcher
from faceveil.judges.loaded import load_judges
from faceveil.judges.registry import bundled, shared_judges
from faceveil.protectors.protector import Protector
from faceveil.types import Target, Uint8Array

SHEET_FACES = 8


@dataclass(frozen=True, slots=True)
class Task:
    """One unit by name: what a worker process is told."""

    protector: ProtectorSpec
    strength: float
    faces: SetSpec

    def key(self, config: EvaluationConfig) -> str:
        """Under which its result is kept: everything that it depends on but code."""
        shared = {
            k: v for k, v in asdict(config).items() if k not in ("protectors", "sets", "title")
        }
        method = self.protector.method
        weights = {
            name: digest
            for name, digest in digests().items()
            if name.startswith((method, "judge_", "gender_estimator"))
        }
        text = json.dumps([asdict(self), shared, weights], default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def work(task: Task, config: EvaluationConfig, place: Path, sheets: Path, threads: int) -> None:
    """Measure one unit and keep its rows, its curves and a contact sheet.

    Args:
        task: what to measure.
        config: the evaluation.
        place: the JSON file to write, last of all.
        sheets: folder of the contact sheets.
        threads: threads inside one operator.
    """
    cv2.setNumThreads(threads)
    own = None
    if config.attacker:
        own = _faces(config.data, SetSpec(config.attacker, config.attacker_limit), config.seed)
    found = _judges(config.models, config.judges, threads)
    gender_judges, matchers = _kept(found, place.parent.parent / "answers.sqlite")
    spec = task.protector
    protect = protect_function(spec, task.strength, threads)
    protected, lost = None, 0
    if task.faces.mode == "photo":
        photos = _photos(config.data, task.faces, config.seed)
        faces = photos.faces
        protected, lost = _photo_crops(photos, spec, task.strength, threads)
    else:
        faces = _faces(config.data, task.faces, config.seed)
    unit = Unit(
        spec.label,
        task.strength,
        protect,
        faces,
        own,
        gender_judges,
        matchers,
        protected,
        task.faces.mode,
        lost,
    )
    record, protected = measure_unit(unit, config)
    result = {"rows": to_json(record.rows), "curves": [asdict(c) for c in record.curves]}
    picture = sheet(faces.crops, protected)
    name = f"{spec.label}@{task.strength:g}-{faces.name}-{task.faces.mode}.jpg".replace("/", "_")
    bgr = picture if picture.ndim == 2 else picture[..., ::-1]
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    write_atomic(jpeg, sheets / name, overwrite=True)
    write_atomic(json.dumps(result).encode(), place, overwrite=True)


def _photo_crops(
    photos: PhotoSet, spec: ProtectorSpec, strength: float, threads: int
) -> tuple[Uint8Array, int]:
    if spec.method == "original":
        return photos.faces.crops, 0
    if ":" in spec.method:
        raise OptionError(
            f"{spec.method}: a callable protects crops, not photos; give it sets in crop mode only"
        )
    target: Target = spec.target  # type: ignore[assignment]  # checked by protect_photo
    return protected_crops(photos, _protector(spec, threads), _detector(), target, strength)


def _kept(
    judges: tuple[Sequence[GenderJudge], Sequence[Matcher]], path: Path
) -> tuple[list[GenderJudge], list[Matcher]]:
    """The judges with their answers kept on disk; Python callables, which may change, without."""
    answers = Answers(path)

    def version(judge: GenderJudge | Matcher) -> str | None:
        card = getattr(judge, "card", None)
        return card.sha256 if card is not None else None

    gender: list[GenderJudge] = []
    for judge in judges[0]:
        digest = version(judge)
        gender.append(CachedGenderJudge(judge, answers, digest) if digest else judge)
    matchers: list[Matcher] = []
    for matcher in judges[1]:
        digest = version(matcher)
        matchers.append(CachedMatcher(matcher, answers, digest) if digest else matcher)
    return gender, matchers


def protect_function(spec: ProtectorSpec, strength: float, threads: int) -> Protect:
    """A protector as a function of crops and labels.

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
    protector = _protector(spec, threads)
    target: Target = spec.target  # type: ignore[assignment]  # checked by protect_crops
    return lambda crops, male: protector.protect_crops(
        crops, male, target=target, strength=strength
    )


def _protector(spec: ProtectorSpec, threads: int) -> Protector:
    from faceveil.api import load_protector

    return load_protector(
        spec.method,
        threads=threads,
        stages=spec.stages,
        combine=spec.combine,
        hide=spec.hide,
    )


def sheet(before: Uint8Array, after: Uint8Array) -> Uint8Array:
    """A few faces above their protected versions: (2 x 224, K x 224[, 3]) uint8."""
    rows = np.linspace(0, len(before) - 1, min(SHEET_FACES, len(before))).astype(int)
    strips = [np.concatenate(list(x[rows]), axis=1) for x in (before, after)]
    return np.concatenate(strips, axis=0)


@lru_cache(maxsize=4)
def _faces(data: Path, spec: SetSpec, seed: int) -> FaceSet:
    return load_pack(data, spec, seed)


@lru_cache(maxsize=1)
def _photos(data: Path, spec: SetSpec, seed: int) -> PhotoSet:
    return load_photos(data, spec, _detector(), seed)


@lru_cache(maxsize=1)
def _detector() -> CenterFace:
    return CenterFace()


@lru_cache(maxsize=1)
def _judges(
    models: Path | None, names: tuple[str, ...], threads: int
) -> tuple[tuple[GenderJudge, ...], tuple[Matcher, ...]]:
    if names:
        return load_judges(names, models, threads)
    found = bundled(threads) if models is None else shared_judges(models, threads)
    return found.gender, found.matchers
