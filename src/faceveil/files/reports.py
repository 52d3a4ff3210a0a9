"""What a run did, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from faceveil.files.batch import FileResult, Status
from faceveil.types import ProtectedFace

LABELS: dict[Status, str] = {
    "protected": "protected",
    "no_face": "no face",
    "skipped": "skipped",
    "failed": "failed",
}


def counts(results: Sequence[FileResult]) -> dict[Status, int]:
    """How many files ended in each status, all four named."""
    found = Counter(r.status for r in results)
    return {status: found[status] for status in LABELS}


def summary(results: Sequence[FileResult], seconds: float, device: str | None = None) -> str:
    """One line for the end of a run.

    Args:
        results: what became of each file.
        seconds: of the whole run.
        device: what the networks ran on, where it is known.
    """
    parts = ", ".join(f"{n} {LABELS[s]}" for s, n in counts(results).items())
    faces = sum(len(r.faces) for r in results)
    clips = sum(r.frames is not None for r in results)
    kinds = [f"{len(results) - clips} photos"] if clips < len(results) or not clips else []
    kinds += [f"{clips} clip{'s' if clips > 1 else ''}"] if clips else []
    where = f" on {device}" if device else ""
    return f"{', '.join(kinds)}: {parts}; {faces} faces; {seconds:.1f} s{where}{_told(results)}"


def _told(results: Sequence[FileResult]) -> str:
    withheld = sum(bool(r.withheld) for r in results)
    return f"; {withheld} without metadata that may show or name a face" if withheld else ""


def to_json(results: Sequence[FileResult], settings: dict[str, Any]) -> str:
    """The report of a run: settings, counts, and one entry per file."""
    files = [
        {
            "source": str(r.source),
            "target": str(r.target) if r.status != "failed" else None,
            "status": r.status,
            "message": r.message,
            "seconds": round(r.seconds, 4),
            "faces": [face_to_dict(f) for f in r.faces],
            **({"withheld": list(r.withheld)} if r.withheld else {}),
            **_of_clip(r),
        }
        for r in results
    ]
    return json.dumps({"settings": settings, "counts": counts(results), "files": files}, indent=1)


def _of_clip(result: FileResult) -> dict[str, Any]:
    if result.frames is None:
        return {"kind": "photo"}
    spans = [[round(first, 3), round(last, 3)] for first, last in result.spans]
    return {"kind": "clip", "frames": result.frames, "seen_from_to": spans}


def face_to_dict(face: ProtectedFace) -> dict[str, Any]:
    """A protected face as plain values."""
    return {
        "box": [round(v, 1) for v in face.face.box],
        "landmarks": face.face.landmarks.round(1).tolist(),
        "score": round(face.face.score, 4),
        "gender": face.gender,
        "gender_given": face.gender_given,
        "p_male": None if face.p_male is None else round(face.p_male, 4),
        "target": face.target,
        "mean_change": round(face.mean_change, 5),
    }
