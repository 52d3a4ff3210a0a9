"""One unit of an evaluation as a worker process does it: load, protect, measure, keep."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2

from faceveil.evaluation.config import EvaluationConfig, ProtectorSpec, SetSpec
from faceveil.evaluation.loading import (
    attributes_of,
    detector,
    faces_of,
    judges_of,
    kept,
    photos_of,
    pristine,
)
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
from faceveil.imaging.encode import write_atomic
from faceveil.judges.boxed import margins


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
        own = faces_of(config.data, SetSpec(config.attacker, config.attacker_limit), config.seed)
    found = judges_of(config.models, config.judges, threads)
    gender_judges, matchers = kept(found, place.parent.parent / "answers.sqlite")
    spec = task.protector
    protect = protect_function(spec, task.strength, threads, config.seed)
    seen, squares = None, margins(found[0])
    if task.faces.mode == "photo":
        photos = photos_of(config.data, task.faces, config.seed, squares)
        faces, find = photos.faces, detector()
        seen = photo_crops(photos, spec, task.strength, find, threads, config.seed)
        redraw = redraw_photos(photos, spec, task.strength, find, threads)
    else:
        faces = faces_of(config.data, task.faces, config.seed)
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
        partial(pristine, config, task.faces, squares),
        *attributes_of(config, faces),
    )
    record, protected = measure_unit(unit, config)
    result = {"rows": to_json(record.rows), "curves": [asdict(c) for c in record.curves]}
    picture = sheet(faces.crops, protected)
    name = f"{spec.label}@{task.strength:g}-{faces.name}-{task.faces.mode}.jpg".replace("/", "_")
    bgr = picture if picture.ndim == 2 else picture[..., ::-1]
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    write_atomic(jpeg, sheets / name, overwrite=True)
    write_atomic(json.dumps(result).encode(), place, overwrite=True)
