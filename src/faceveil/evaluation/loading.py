"""What a worker process holds between its units: faces, judges, fits. A few of each, no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from faceveil.evaluation.config import EvaluationConfig, SetSpec
from faceveil.evaluation.faces import FaceSet, load_pack
from faceveil.evaluation.metrics.niqe import NiqeModel
from faceveil.evaluation.photos import PhotoSet, load_photos
from faceveil.evaluation.pictures import MOST_FITTED, pristine_of
from faceveil.imaging.detect import CenterFace
from faceveil.judges.attributes import AttributeJudge, CallableAttributes, attribute_labels
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.boxed import BoxedGenderJudge, boxed
from faceveil.judges.cache import Answers, CachedGenderJudge, CachedMatcher, identity
from faceveil.judges.loaded import load_judges
from faceveil.judges.registry import bundled, shared_judges
from faceveil.types import Float64Array


def attributes_of(
    config: EvaluationConfig, faces: FaceSet
) -> tuple[AttributeJudge | None, Float64Array | None]:
    """The judge of several attributes, and the true ones, where the configuration names them."""
    judge = CallableAttributes(config.attributes) if config.attributes else None
    if judge is None or not config.attribute_labels or not faces.source:
        return judge, None
    path = config.data / config.attribute_labels
    return judge, attribute_labels(path, faces.source, judge.attributes)


def pristine(
    config: EvaluationConfig, spec: SetSpec, squares: tuple[float, ...]
) -> tuple[NiqeModel, str]:
    """NIQE's model, of the set that the configuration names or of the unit's own."""
    if config.niqe_set:
        spec = SetSpec(config.niqe_set, MOST_FITTED)
    return _fitted(config.data, spec, config.seed, squares, config.niqe_block)


def kept(
    found: tuple[Sequence[GenderJudge], Sequence[Matcher]], path: Path
) -> tuple[list[GenderJudge], list[Matcher]]:
    """The judges with their answers kept on disk; Python callables, which may change, without."""
    answers = Answers(path)

    def one(judge: GenderJudge) -> GenderJudge:
        if isinstance(judge, BoxedGenderJudge):
            return replace(judge, canonical=one(judge.canonical), square=one(judge.square))
        return CachedGenderJudge(judge, answers) if identity(judge) else judge

    return (
        [one(judge) for judge in found[0]],
        [CachedMatcher(m, answers) if identity(m) else m for m in found[1]],
    )


@lru_cache(maxsize=4)
def faces_of(data: Path, spec: SetSpec, seed: int) -> FaceSet:
    """The faces of a pack."""
    return load_pack(data, spec, seed)


@lru_cache(maxsize=1)
def photos_of(data: Path, spec: SetSpec, seed: int, squares: tuple[float, ...]) -> PhotoSet:
    """The photos of a folder, with squares of the margins that judges want."""
    return load_photos(data, spec, detector(), seed, squares)


@lru_cache(maxsize=2)
def _fitted(
    data: Path, spec: SetSpec, seed: int, squares: tuple[float, ...], block: int
) -> tuple[NiqeModel, str]:
    photo = spec.mode == "photo"
    faces = photos_of(data, spec, seed, squares).faces if photo else faces_of(data, spec, seed)
    return pristine_of(faces.crops, faces.name, block)


@lru_cache(maxsize=1)
def detector() -> CenterFace:
    """The judges' own detector."""
    return CenterFace()


@lru_cache(maxsize=1)
def judges_of(
    models: Path | None, names: tuple[str, ...], threads: int
) -> tuple[tuple[GenderJudge, ...], tuple[Matcher, ...]]:
    """Those of the configuration: by name, or all that are there."""
    gender: tuple[GenderJudge, ...]
    matchers: tuple[Matcher, ...]
    if names:
        gender, matchers = load_judges(names, models, threads)
    else:
        found = bundled(threads) if models is None else shared_judges(models, threads)
        gender, matchers = found.gender, found.matchers
    return tuple(boxed(judge, models, threads) for judge in gender), matchers
