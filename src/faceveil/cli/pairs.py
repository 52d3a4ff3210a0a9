"""Photos and their protected copies, checked several at a time: ``check`` and ``protect --check``.

Both read the two files from the disk and do the same with them, so they say the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceveil.errors import FaceVeilError, NoFaceError, OptionError, PhotoError
from faceveil.evaluation.check import PhotoCheck, check_photos
from faceveil.evaluation.edits import Edit
from faceveil.files.jobs import plan_jobs
from faceveil.files.memory import memory_for
from faceveil.files.paths import is_clip, shown
from faceveil.files.reports import left_out
from faceveil.imaging.decode import MAX_PIXELS, decode_photo, read_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.photo import as_rgb
from faceveil.judges.registry import JudgeSet, bundled
from faceveil.protect.targets import Draw
from faceveil.types import Uint8Array


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo and its protected copy.

    Attributes:
        name: what the user calls it: its path below the folder.
        original: the photo.
        protected: its copy, which may be missing.
    """

    name: str
    original: Path
    protected: Path


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How pairs are looked at.

    Attributes:
        detector: finds the faces of originals.
        judges: who reads them.
        draw_of: what drew the random targets of a photo; None where nothing did, or nobody knows.
        which: the faces: ``all``, ``largest``, or numbers from left to right.
        max_pixels: larger photos are refused.
        edits: after each of which the protected photo is read once more.
    """

    detector: Detector
    judges: JudgeSet
    draw_of: Callable[[Path], Draw | None]
    which: str = "all"
    max_pixels: int = MAX_PIXELS
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What came of a pair: a check, or the reason why there is none."""

    pair: Pair
    result: PhotoCheck | None
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether it worked on every face, and there is one."""
        return self.result is not None and self.result.passed

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        paths = {"original": str(self.pair.original), "protected": str(self.pair.protected)}
        found = {"passed": False} if self.result is None else self.result.to_dict()
        return {"photo": self.pair.name, **paths, "error": self.error or None, **found}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be checked.

    Attributes:
        pairs: photos with a protected copy.
        without: names of photos that have none: nobody was found in them, or they failed.
        clips: names of clips, which are not checked.
        unread: what else lies in the folder and is not looked at, in words.
    """

    pairs: tuple[Pair, ...]
    without: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    unread: str = ""


def plan_pairs(originals: Path, protected: Path) -> Plan:
    """Pairs by their names below two folders; of two files, the one pair.

    Raises:
        OptionError: if one is a folder and the other is not, or there is nothing to compare.
    """
    if not os.path.isdir(originals):
        copy = protected / originals.name if os.path.isdir(protected) else protected
        return Plan((Pair(originals.name, originals, copy),))
    if not os.path.isdir(protected):
        kind = "a file" if os.path.lexists(protected) else "no such folder"
        raise OptionError(f"{shown(protected)}: {kind}; expected the folder of protected photos")
    jobs = plan_jobs([str(originals)], protected)
    known = [job for job in jobs if not job.unknown]
    names = {job.source: str(job.source.relative_to(originals)) for job in known}
    photos = [job for job in known if not is_clip(job.source)]
    pairs = [job for job in photos if os.path.lexists(job.target)]
    if not pairs:
        raise OptionError(
            f"{shown(protected)}: no protected copy of any of the {len(photos)} photos in "
            f"{shown(originals)}; expected the same names below both folders"
        )
    return Plan(
        tuple(Pair(names[job.source], job.source, job.target) for job in pairs),
        tuple(names[job.source] for job in photos if job not in pairs),
        tuple(names[job.source] for job in known if is_clip(job.source)),
        left_out([job for job in jobs if job.unknown]),
    )


def check_pairs(pairs: Sequence[Pair], look: Look, workers: int) -> Iterator[Checked]:
    """Check pairs, and yield what came of each in order; a bad file is an error of its pair."""
    with ThreadPoolExecutor(workers, thread_name_prefix="faceveil-check") as pool:
        yield from pool.map(lambda pair: _guarded(pair, look), pairs)


def check_pair(pair: Pair, look: Look) -> PhotoCheck:
    """Check one pair.

    Raises:
        PhotoError: if a file cannot be read; it names the file.
        OptionError: if the sizes differ, or a face is not there.
        NoFaceError: if the original shows nobody.
    """
    files = (pair.original, pair.protected)
    data = [_named(path, read_photo, path) for path in files]
    with memory_for(*data, max_pixels=look.max_pixels):
        before, after = (
            _named(path, _pixels, file, look.max_pixels)
            for path, file in zip(files, data, strict=True)
        )
        own = look.judges
        draw = look.draw_of(pair.original)
        try:
            result = check_photos(
                *(before, after, look.detector, own.gender, own.matchers[0]),
                draw=draw,
                which=look.which,
                edits=look.edits,
            )
        except OptionError as error:
            raise OptionError(f"{shown(pair.protected)}: {error}") from error
    if not result.checks:
        raise NoFaceError(f"{shown(pair.original)}: no face found; expected at least one")
    return result


def judges_for(workers: int, cores: int) -> JudgeSet:
    """The package's own judges, for so many pairs at a time on so many cores."""
    return bundled(max(1, cores // workers))


def summary(rows: Iterable[Checked]) -> str:
    """``33 photos, 94 faces checked: worked on 70, not on 24``, and who was asked.

    Faces that read as the other gender are among those on which it worked, and are told apart.
    """
    rows = list(rows)
    checks = [check for row in rows if row.result for check in row.result.checks]
    worked = sum(check.passed for check in checks)
    failed = sum(row.result is None for row in rows)
    photos = f"{len(rows)} photo{'' if len(rows) == 1 else 's'}"
    faces = f"{len(checks)} face{'' if len(checks) == 1 else 's'}"
    asked = next((f" ({row.result.asked})" for row in rows if row.result), "")
    bad = f"; {failed} could not be checked" if failed else ""
    other = sum(check.passed and check.outcome == "other" for check in checks)
    turned = f" ({other} of them read as the other gender)" if other else ""
    found = f"worked on {worked}{turned}, not on {len(checks) - worked}"
    found += "".join(f", after {name} on {count}" for name, count in _after(rows).items())
    return f"{photos}, {faces} checked: {found}{bad}{asked}"


def _after(rows: Sequence[Checked]) -> Counter[str]:
    """On how many faces it worked after each edit."""
    count: Counter[str] = Counter()
    for row in rows:
        for name, checks in row.result.after.items() if row.result else ():
            count[name] += sum(check.passed for check in checks)
    return count


def _guarded(pair: Pair, look: Look) -> Checked:
    try:
        return Checked(pair, check_pair(pair, look))
    except FaceVeilError as error:
        return Checked(pair, None, str(error))


def _pixels(data: bytes, max_pixels: int) -> Uint8Array:
    return as_rgb(decode_photo(data, max_pixels=max_pixels))


def _named(path: Path, work: Callable[..., Any], *given: Any) -> Any:
    """What the work makes of its arguments; what is wrong with the file names it."""
    try:
        return work(*given)
    except PhotoError as error:
        raise PhotoError(f"{shown(path)}: {error}") from error
