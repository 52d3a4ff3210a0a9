"""``faceveil protect --report``: what a run did. Its schema is ``docs/report.schema.json``.

A report may be passed on with the photos: it says what was wished for, never what a key drew nor
what anybody's gender was read as.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faceveil.cli.pairs import Checked
from faceveil.evaluation.face_check import FaceCheck
from faceveil.files.batch import BatchOptions, FileResult
from faceveil.files.boxes import face_values
from faceveil.files.jobs import Job
from faceveil.files.reports import counts
from faceveil.inference.card import loaded_files
from faceveil.protect.protector import Protector
from faceveil.protect.targets import strength_of
from faceveil.types import ProtectedFace
from faceveil.version import __version__

SCHEMA = 1
"""Version of the schema; a field that goes or changes its meaning makes another one."""

_ASKED = (
    *("output", "in_place", "stages", "combine", "hide", "seed", "persons", "faces", "doubtful"),
    *("on_no_face", "on_unknown", "existing", "keep_metadata", "max_pixels", "jobs", "device"),
    *("precision", "aligned"),
)


def report_of(
    arguments: argparse.Namespace,
    method: Protector,
    options: BatchOptions,
    results: Sequence[FileResult],
    left: Sequence[Job],
    checked: Sequence[Checked],
) -> str:
    """The report as JSON.

    Args:
        arguments: of the command line.
        method: the protector.
        options: what was done to each photo.
        results: what became of each file.
        left: what was not looked at.
        checked: the checks, where they were asked for.
    """
    own = method.crop_protector
    # None where the method does the same to every face.
    target = None if own.own_target is None else options.photo.aim(own).target
    found = {row.pair.original: row for row in checked}
    asked = {name: _plain(getattr(arguments, name)) for name in _ASKED}
    report = {
        "schema": SCHEMA,
        "faceveil": __version__,
        "method": own.name,
        "target": target,
        "strength": strength_of(own, options.photo.strength),
        "weights": loaded_files(),
        "settings": {
            "method": arguments.method,
            **asked,
            "gender": "auto" if options.photo.gender is None else "given",
            "key": arguments.key is not None,
            "runs_on": method.device,
        },
        "counts": counts(results),
        "check": _check_of_run(checked) if arguments.check else None,
        "files": [_file(r, found.get(r.source), target == "random") for r in results],
        "not_looked_at": [{"source": str(job.source), "kind": job.unknown} for job in left],
    }
    return json.dumps(report, indent=1)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _check_of_run(rows: Sequence[Checked]) -> dict[str, Any]:
    checks = [check for row in rows if row.result for check in row.result.checks]
    return {
        "passed": all(row.passed for row in rows),
        "asked": next((row.result.asked for row in rows if row.result), None),
        "faces": len(checks),
        "worked": sum(check.passed for check in checks),
    }


def _file(result: FileResult, row: Checked | None, random: bool) -> dict[str, Any]:
    clip: dict[str, Any] = {"kind": "photo"}
    if result.frames is not None:
        spans = [[round(first, 3), round(last, 3)] for first, last in result.spans]
        clip = {"kind": "clip", "frames": result.frames, "seen_from_to": spans}
    return {
        "source": str(result.source),
        "target": str(result.target) if result.status != "failed" else None,
        **clip,
        "status": result.status,
        "message": result.message,
        "warning": result.warning,
        "seconds": round(result.seconds, 4),
        "faces": [_face(face) for face in result.faces],
        "left": [face_values(face) for face in result.left],
        "doubtful": [face_values(face) for face in result.doubtful],
        "withheld": list(result.withheld),
        "left_out": list(result.left_out),
        "check": None if row is None else _check(row, random),
    }


def _face(face: ProtectedFace) -> dict[str, Any]:
    return {**face_values(face.face), "mean_change": round(face.mean_change, 5)}


def _check(row: Checked, random: bool) -> dict[str, Any]:
    if row.result is None:
        return {"passed": False, "error": row.error, "faces": []}
    faces = [
        {
            "box": [round(float(v), 1) for v in face.box],
            "passed": check.passed,
            "result": _result(check, random),
            "similarity": round(check.similarity, 4),
            "threshold": round(check.threshold, 4),
            "psnr": check.psnr,
            "ssim": check.ssim,
        }
        for face, check in zip(row.result.faces, row.result.checks, strict=True)
    ]
    return {"passed": row.passed, "error": None, "faces": faces}


def _result(check: FaceCheck, random: bool) -> str:
    """The verdict in a word or two.

    Of a random target not how the face reads beside what it was: that would tell what was drawn.
    """
    if not random:
        return check.label
    if check.passed:
        return "worked"
    return "did not work" if check.outcome == "read" else check.label
