"""A whole evaluation: every protector on every set, resumable, in several processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.evaluation.case import Case
from faceveil.evaluation.config import EvaluationConfig
from faceveil.evaluation.measures import measure
from faceveil.evaluation.measures.quality import MOST_FITTED, pristine_of
from faceveil.evaluation.metrics.niqe import NiqeModel
from faceveil.evaluation.processes import each_in_processes
from faceveil.evaluation.protecting import ProtectorSpec, protect_function, protected, redrawn
from faceveil.evaluation.results import contact_sheet, digests
from faceveil.evaluation.rows import Curve, Row, from_json, to_json
from faceveil.evaluation.sets import FaceSet, SetSpec, load_pack, load_photos
from faceveil.imaging.detect import CenterFace
from faceveil.imaging.encode import write_atomic
from faceveil.inference.device import usable_cores
from faceveil.judges.attributes import AttributeJudge, CallableAttributes, attribute_labels
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.boxed import BoxedGenderJudge, boxed, margins
from faceveil.judges.cache import Answers, CachedGenderJudge, CachedMatcher, identity
from faceveil.judges.loaded import load_judges
from faceveil.judges.registry import bundled, shared_judges
from faceveil.types import Float64Array, Uint8Array


@dataclass(frozen=True, slots=True)
class Task:
    """One case by name: what a worker process is told."""

    protector: ProtectorSpec
    strength: float
    faces: SetSpec

    def key(self, config: EvaluationConfig, weights: Mapping[str, str]) -> str:
        """Under which its result is kept: everything that it depends on but code.

        Args:
            config: the evaluation.
            weights: digests by name.
        """
        shared = {
            k: v for k, v in asdict(config).items() if k not in ("protectors", "sets", "title")
        }
        text = json.dumps([asdict(self), shared, weights], default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def tasks(config: EvaluationConfig) -> Iterator[Task]:
    """Every case of an evaluation, in the order of the tables."""
    for spec in config.protectors:
        strengths = (0.0,) if spec.method == "original" else spec.strengths
        for strength in strengths:
            for faces in config.sets:
                yield Task(spec, strength, faces)


def run(
    config: EvaluationConfig,
    output: Path,
    *,
    jobs: int = 1,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Row], list[Curve]]:
    """Measure what is not measured yet; results are kept one by one.

    Args:
        config: what to measure.
        output: folder; finished cases are kept in ``units``, contact sheets in ``sheets``.
        jobs: processes.
        threads: threads of each; 0 shares the cores.
        progress: called with cases done and cases in all.

    Returns:
        All rows and curves, in the order of the configuration.

    Raises:
        KeyboardInterrupt: on Ctrl-C, when no process is left; what was measured is kept.
    """
    todo = list(tasks(config))
    weights = digests(config)
    places = [output / "units" / f"{t.key(config, weights)}.json" for t in todo]
    threads = threads or max(1, usable_cores() // max(1, jobs))
    waiting = [(t, p) for t, p in zip(todo, places, strict=True) if not p.is_file()]
    calls = ((t, config, p, output / "sheets", threads) for t, p in waiting)
    done = len(todo) - len(waiting)
    if progress is not None:
        progress(done, len(todo))
    for _ in each_in_processes(jobs, work, calls) if jobs > 1 else _each_here(calls):
        done += 1
        if progress is not None:
            progress(done, len(todo))
    rows: list[Row] = []
    curves: list[Curve] = []
    for place in places:
        saved = json.loads(place.read_text())
        rows += from_json(saved["rows"])
        curves += [Curve(**(c | {k: tuple(c[k]) for k in "xy"})) for c in saved["curves"]]
    return rows, curves


def _each_here(calls: Iterable[tuple[Task, EvaluationConfig, Path, Path, int]]) -> Iterator[None]:
    for call in calls:
        work(*call)
        yield


def work(task: Task, config: EvaluationConfig, place: Path, sheets: Path, threads: int) -> None:
    """Measure one case and keep its rows, its curves and a contact sheet.

    Args:
        task: what to measure.
        config: the evaluation.
        place: the JSON file to write, last of all.
        sheets: folder of the contact sheets.
        threads: threads inside one operator.
    """
    cv2.setNumThreads(threads)
    case = case_of(task, config, place.parent.parent / "answers.sqlite", threads)
    record = measure(case, (*config.papers, *config.adversaries))
    result = {"rows": to_json(record.rows), "curves": [asdict(c) for c in record.curves]}
    name = f"{case.protector}@{case.strength:g}-{case.faces.name}-{case.mode}.jpg"
    jpeg = contact_sheet(case.faces.crops, case.protected)
    write_atomic(jpeg, sheets / name.replace("/", "_"), overwrite=True)
    write_atomic(json.dumps(result).encode(), place, overwrite=True)


def case_of(task: Task, config: EvaluationConfig, answers: Path, threads: int) -> Case:
    """Load the faces, protect them, and call those who look.

    Args:
        task: which case.
        config: the evaluation.
        answers: file where judges' answers are kept.
        threads: threads inside one operator.
    """
    spec, strength, seed = task.protector, task.strength, config.seed
    own = None
    if config.attacker:
        own = _faces(config.data, SetSpec(config.attacker, config.attacker_limit), seed, ())
    found = judges_of(config.models, config.judges, threads)
    squares = margins(found[0])
    faces = _faces(config.data, task.faces, seed, squares)
    detector = _detector()

    def reprotect(rows: NDArray[np.int64], seed: int) -> Uint8Array:
        return protected(faces.take(rows), spec, strength, detector, threads, seed)[0]

    again: Iterable[Uint8Array] = ()
    if spec.method != "original" and "averaging" in config.adversaries:
        again = redrawn(reprotect, len(faces.crops), seed, config.versions)
    crops, views, lost = protected(faces, spec, strength, detector, threads, seed)
    gender_judges, matchers = _kept(found, answers)
    attributes, labels = _attributes(config, faces)
    return Case(
        protector=spec.label,
        strength=strength,
        faces=faces,
        protected=crops,
        protect=protect_function(spec, strength, threads, seed),
        own=own,
        gender_judges=gender_judges,
        matchers=matchers,
        views=views,
        lost=lost,
        again=again,
        pristine=partial(_pristine, config, task.faces, squares),
        attributes=attributes,
        labels=labels,
        quality=config.quality,
        fmrs=config.fmrs,
        repeats=config.repeats,
        seed=seed,
    )


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


def _kept(
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


# What a worker process holds between its cases: a few of each, no more.


@lru_cache(maxsize=4)
def _faces(data: Path, spec: SetSpec, seed: int, squares: tuple[float, ...]) -> FaceSet:
    """A set, with the squares of the margins that judges want where it is one of photos."""
    if spec.mode == "photo":
        return load_photos(data, spec, _detector(), seed, squares)
    return load_pack(data, spec, seed)


@lru_cache(maxsize=1)
def _detector() -> CenterFace:
    """The judges' own detector."""
    return CenterFace()


def _pristine(
    config: EvaluationConfig, spec: SetSpec, squares: tuple[float, ...]
) -> tuple[NiqeModel, str]:
    """NIQE's model, of the set that the configuration names or of the case's own."""
    if config.niqe_set:
        spec = SetSpec(config.niqe_set, MOST_FITTED)
    return _fitted(config.data, spec, config.seed, squares, config.niqe_block)


@lru_cache(maxsize=2)
def _fitted(
    data: Path, spec: SetSpec, seed: int, squares: tuple[float, ...], block: int
) -> tuple[NiqeModel, str]:
    faces = _faces(data, spec, seed, squares)
    return pristine_of(faces.crops, faces.name, block)


def _attributes(
    config: EvaluationConfig, faces: FaceSet
) -> tuple[AttributeJudge | None, Float64Array | None]:
    """The judge of several attributes, and the true ones, where the configuration names them."""
    judge = CallableAttributes(config.attributes) if config.attributes else None
    if judge is None or not config.attribute_labels or not faces.source:
        return judge, None
    path = config.data / config.attribute_labels
    return judge, attribute_labels(path, faces.source, judge.attributes)
