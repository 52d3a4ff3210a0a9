"""A whole evaluation: every protector on every set, resumable, in several processes."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
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
from faceveil.evaluation.recorder import Curve
from faceveil.evaluation.rows import Row, from_json, to_json
from faceveil.evaluation.unit import Unit, measure_unit
from faceveil.imaging.encode import write_atomic
from faceveil.judges.registry import JudgeSet, bundled, shared_judges
from faceveil.types import Target, Uint8Array

SHEET_FACES = 8


@dataclass(frozen=True, slots=True)
class Task:
    """One unit by name: what a worker process is told."""

    protector: ProtectorSpec
    strength: float
    faces: SetSpec

    def key(self, config: EvaluationConfig) -> str:
        """Under which its result is kept: everything that it depends on but code and weights."""
        shared = {
            k: v for k, v in asdict(config).items() if k not in ("protectors", "sets", "title")
        }
        text = json.dumps([asdict(self), shared], default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def tasks(config: EvaluationConfig) -> Iterator[Task]:
    """Every unit of an evaluation, in the order of the tables."""
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
        output: folder; finished units are kept in ``units``, contact sheets in ``sheets``.
        jobs: processes.
        threads: threads of each; 0 shares the cores.
        progress: called with units done and units in all.

    Returns:
        All rows and curves, in the order of the configuration.
    """
    todo = list(tasks(config))
    places = [output / "units" / f"{t.key(config)}.json" for t in todo]
    threads = threads or max(1, (os.cpu_count() or 1) // max(1, jobs))
    waiting = [(t, p) for t, p in zip(todo, places, strict=True) if not p.is_file()]
    done = len(todo) - len(waiting)

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(todo))

    if progress is not None:
        progress(done, len(todo))
    if jobs <= 1:
        for task, place in waiting:
            _work(task, config, place, output / "sheets", threads)
            step()
    else:
        with ProcessPoolExecutor(jobs) as pool:
            futures = [
                pool.submit(_work, t, config, p, output / "sheets", threads) for t, p in waiting
            ]
            try:
                for future in as_completed(futures):
                    future.result()
                    step()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    rows: list[Row] = []
    curves: list[Curve] = []
    for place in places:
        saved = json.loads(place.read_text())
        rows += from_json(saved["rows"])
        curves += [Curve(**(c | {k: tuple(c[k]) for k in "xy"})) for c in saved["curves"]]
    return rows, curves


def _work(task: Task, config: EvaluationConfig, place: Path, sheets: Path, threads: int) -> None:
    cv2.setNumThreads(threads)
    faces = _faces(config.data, task.faces, config.seed)
    own = None
    if config.attacker:
        own = _faces(config.data, SetSpec(config.attacker, config.attacker_limit), config.seed)
    judges = _judges(config.models, config.judges, threads)
    spec = task.protector
    unit = Unit(
        spec.label,
        task.strength,
        protect_function(spec, task.strength, threads),
        faces,
        own,
        judges.gender,
        judges.matchers,
    )
    record, protected = measure_unit(unit, config)
    result = {"rows": to_json(record.rows), "curves": [asdict(c) for c in record.curves]}
    picture = sheet(faces.crops, protected)
    name = f"{spec.label}@{task.strength:g}-{faces.name}.jpg".replace("/", "_")
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    write_atomic(jpeg, sheets / name, overwrite=True)
    write_atomic(json.dumps(result).encode(), place, overwrite=True)


def protect_function(spec: ProtectorSpec, strength: float, threads: int) -> Protect:
    """A protector as a function of crops and labels.

    Raises:
        OptionError: if there is no such method or callable.
    """
    if spec.method == "original":
        return lambda crops, male: crops
    if ":" in spec.method:
        module, _, attribute = spec.method.partition(":")
        try:
            found: Protect = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise OptionError(
                f"{spec.method}: {error}; expected module:function on Python's path"
            ) from error

        def mixed(crops: Uint8Array, male: NDArray[np.uint8]) -> Uint8Array:
            full = found(crops, male)
            blend = crops + np.float32(strength) * (full.astype(np.float32) - crops)
            return np.asarray(np.rint(blend), np.uint8)

        return mixed
    from faceveil.api import load_protector

    protector = load_protector(
        spec.method, threads=threads, stages=spec.stages, combine=spec.combine
    )
    target: Target = spec.target  # type: ignore[assignment]  # checked by protect_crops
    return lambda crops, male: protector.protect_crops(
        crops, male, target=target, strength=strength
    )


def sheet(before: Uint8Array, after: Uint8Array) -> Uint8Array:
    """A few faces above their protected versions: (2 x 224, K x 224) uint8."""
    rows = np.linspace(0, len(before) - 1, min(SHEET_FACES, len(before))).astype(int)
    strips = [np.concatenate(list(x[rows]), axis=1) for x in (before, after)]
    return np.concatenate(strips, axis=0)


@lru_cache(maxsize=4)
def _faces(data: Path, spec: SetSpec, seed: int) -> FaceSet:
    return load_pack(data, spec, seed)


@lru_cache(maxsize=1)
def _judges(models: Path | None, names: tuple[str, ...], threads: int) -> JudgeSet:
    if models is None:
        return bundled(threads)
    return shared_judges(models, threads, names or None)
