"""One unit of an evaluation as a worker process does it: load, protect, measure, keep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import cv2

from faceveil.evaluation.config import EvaluationConfig, ProtectorSpec, SetSpec
from faceveil.evaluation.faces import FaceSet, load_pack
from faceveil.evaluation.metrics.niqe import NiqeModel
from faceveil.evaluation.photos import PhotoSet, load_photos
from faceveil.evaluation.pictures import MOST_FITTED, pristine_of
from faceveil.evaluation.protecting import (
    photo_crops,
    protect_function,
    redraw_crops,
    redraw_photos,
)
from faceveil.evaluation.provenance import digests
from faceveil.evaluation.rows import to_json
from faceveil.evaluation.sheet import sheet
from faceveil.evaluation.unit import Unit, measure_unit
from faceveil.imaging.detect import CenterFace
from faceveil.imaging.encode import write_atomic
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.boxed import BoxedGenderJudge, boxed, margins
from faceveil.judges.cache import Answers, CachedGenderJudge, CachedMatcher, identity
from faceveil.judges.loaded import load_judges
from faceveil.judges.registry import bundled, shared_judges


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
    protect = protect_function(spec, task.strength, threads, config.seed)
    seen, squares = None, margins(found[0])
    if task.faces.mode == "photo":
        photos = _photos(config.data, task.faces, config.seed, squares)
        faces, detector = photos.faces, _detector()
        seen = photo_crops(photos, spec, task.strength, detector, threads, config.seed)
        redraw = redraw_photos(photos, spec, task.strength, detector, threads)
    else:
        faces = _faces(config.data, task.faces, config.seed)
        redraw = redraw_crops(faces, spec, task.strength, threads)
    unit = Unit(
        spec.label,
        task.strength,
        protect,
        faces,
        own,
        gender_judges,
        matchers,
        seen,
        None if spec.method == "original" else redraw,
        partial(_pristine, config, task.faces, squares),
    )
    record, protected = measure_unit(unit, config)
    result = {"rows": to_json(record.rows), "curves": [asdict(c) for c in record.curves]}
    picture = sheet(faces.crops, protected)
    name = f"{spec.label}@{task.strength:g}-{faces.name}-{task.faces.mode}.jpg".replace("/", "_")
    bgr = picture if picture.ndim == 2 else picture[..., ::-1]
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    write_atomic(jpeg, sheets / name, overwrite=True)
    write_atomic(json.dumps(result).encode(), place, overwrite=True)


def _pristine(
    config: EvaluationConfig, spec: SetSpec, squares: tuple[float, ...]
) -> tuple[NiqeModel, str]:
    """NIQE's model, of the set that the configuration names or of the unit's own."""
    if config.niqe_set:
        spec = SetSpec(config.niqe_set, MOST_FITTED)
    return _fitted(config.data, spec, config.seed, squares, config.niqe_block)


def _kept(
    judges: tuple[Sequence[GenderJudge], Sequence[Matcher]], path: Path
) -> tuple[list[GenderJudge], list[Matcher]]:
    """The judges with their answers kept on disk; Python callables, which may change, without."""
    answers = Answers(path)

    def kept(judge: GenderJudge) -> GenderJudge:
        if isinstance(judge, BoxedGenderJudge):
            return replace(judge, canonical=kept(judge.canonical), square=kept(judge.square))
        return CachedGenderJudge(judge, answers) if identity(judge) else judge

    return (
        [kept(judge) for judge in judges[0]],
        [CachedMatcher(m, answers) if identity(m) else m for m in judges[1]],
    )


@lru_cache(maxsize=4)
def _faces(data: Path, spec: SetSpec, seed: int) -> FaceSet:
    return load_pack(data, spec, seed)


@lru_cache(maxsize=1)
def _photos(data: Path, spec: SetSpec, seed: int, squares: tuple[float, ...]) -> PhotoSet:
    return load_photos(data, spec, _detector(), seed, squares)


@lru_cache(maxsize=2)
def _fitted(
    data: Path, spec: SetSpec, seed: int, squares: tuple[float, ...], block: int
) -> tuple[NiqeModel, str]:
    photo = spec.mode == "photo"
    faces = _photos(data, spec, seed, squares).faces if photo else _faces(data, spec, seed)
    return pristine_of(faces.crops, faces.name, block)


@lru_cache(maxsize=1)
def _detector() -> CenterFace:
    return CenterFace()


@lru_cache(maxsize=1)
def _judges(
    models: Path | None, names: tuple[str, ...], threads: int
) -> tuple[tuple[GenderJudge, ...], tuple[Matcher, ...]]:
    gender: tuple[GenderJudge, ...]
    matchers: tuple[Matcher, ...]
    if names:
        gender, matchers = load_judges(names, models, threads)
    else:
        found = bundled(threads) if models is None else shared_judges(models, threads)
        gender, matchers = found.gender, found.matchers
    return tuple(boxed(judge, models, threads) for judge in gender), matchers
