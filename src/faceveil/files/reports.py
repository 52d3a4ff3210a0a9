"""What a run did, in words and as plain values."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError, OutputError
from faceveil.files.batch import FileResult, Status
from faceveil.files.jobs import Job
from faceveil.files.paths import shown
from faceveil.imaging.encode import write_atomic
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


def left_out(jobs: Iterable[Job]) -> str:
    """``3 files not looked at: 2 .heic, 1 linked folder``; empty where there are none."""
    kinds = Counter(job.unknown for job in jobs if job.unknown)
    if not kinds:
        return ""
    total = sum(kinds.values())
    named = ", ".join(
        f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda k: (-k[1], k[0]))
    )
    return f"{total} file{'s' if total > 1 else ''} not looked at: {named}"


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
    photos = len(results) - clips
    kinds = [f"{photos} photo{'' if photos == 1 else 's'}"] if photos or not clips else []
    kinds += [f"{clips} clip{'s' if clips > 1 else ''}"] if clips else []
    where = f" on {device}" if device else ""
    return f"{', '.join(kinds)}: {parts}; {faces} faces; {seconds:.1f} s{where}{_told(results)}"


def _told(results: Sequence[FileResult]) -> str:
    withheld = sum(bool(r.withheld) for r in results)
    told = f"; {withheld} without metadata that may show or name a face" if withheld else ""
    parts = Counter(name for r in results if r.frames is None for name in r.left_out)
    named = ", ".join(f"{n} {name}" for name, n in sorted(parts.items()))
    return f"{told}; left out: {named}" if named else told


def check_report(path: Path, protected: Iterable[Path], flag: str = "--report") -> None:
    """Refuse a report that would be written over a file of the run, before anything is done.

    Args:
        path: where the report is to go.
        protected: inputs, outputs and the key.
        flag: what named it.

    Raises:
        OptionError: if it is one of them, or a folder.
    """
    if path.is_dir():
        raise OptionError(f"{flag} {shown(path)}: a folder; expected a file")
    real = os.path.realpath(path)
    for other in protected:
        same = os.path.realpath(other) == real
        if not same and path.exists():  # a hard link
            with contextlib.suppress(OSError):
                same = os.path.samefile(path, other)
        if same:
            raise OptionError(
                f"{flag} {shown(path)}: is {shown(other)}, which the run reads or writes; choose "
                "another name"
            )


def write_report(path: Path, text: str, flag: str = "--report") -> None:
    """Write a report: whole or not at all into a file, directly into a pipe or device.

    Raises:
        OutputError: if it cannot be written.
    """
    data = text.encode() + b"\n"
    stream = str(path).startswith(("/dev/", "/proc/")) or (path.exists() and not path.is_file())
    if not stream:
        write_atomic(data, path, overwrite=True)
        return
    try:
        with path.open("wb", buffering=0) as file:
            file.write(data)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise OutputError(f"{flag} {shown(path)}: cannot write it: {why}") from error


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
