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
from faceveil.files.boxes import face_values
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
    named = f"{faces} face{'' if faces == 1 else 's'}"
    return f"{', '.join(kinds)}: {parts}; {named}; {seconds:.1f} s{where}{_told(results)}"


def _told(results: Sequence[FileResult]) -> str:
    told = told_of_faces(sum(len(r.left) for r in results), sum(len(r.doubtful) for r in results))
    withheld = sum(bool(r.withheld) for r in results)
    if withheld:
        told.append(f"{withheld} without metadata that may show or name a face")
    there = Counter(r.before for r in results if r.status == "skipped")
    redone = sum(r.status == "protected" and r.before == "other" for r in results)
    if redone:
        told.append(f"{redone} done again, since settings, weights or photo were others before")
    if there["unknown"]:
        few = there["unknown"] == 1
        told.append(
            f"{there['unknown']} {'was' if few else 'were'} there before, by other settings or "
            f"another program (--existing overwrite does {'it' if few else 'them'} again)"
        )
    parts = Counter(name for r in results if r.frames is None for name in r.left_out)
    if parts:
        told.append("left out: " + ", ".join(f"{n} {name}" for name, n in sorted(parts.items())))
    return "".join(f"; {line}" for line in told)


def told_of_faces(left: int, doubtful: int) -> list[str]:
    """What is said of faces that were not chosen, and of places that may be faces."""
    told = []
    if left:
        told.append(f"{left} faces left as they were" if left > 1 else "1 face left as it was")
    if doubtful:
        few = "1 place may be a face and was left"
        many = f"{doubtful} places may be faces and were left"
        told.append(f"{many if doubtful > 1 else few} (see faceveil detect, --doubtful)")
    return told


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
        **face_values(face.face),
        "gender": face.gender,
        "gender_given": face.gender_given,
        "p_male": None if face.p_male is None else round(face.p_male, 4),
        "target": face.target,
        "mean_change": round(face.mean_change, 5),
    }
