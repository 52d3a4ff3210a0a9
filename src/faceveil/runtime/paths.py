"""From what the user names to pairs of input and output files."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faceveil.errors import OptionError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Names that count as photos inside a folder. Files named one by one are always taken."""

CLIP_SUFFIXES = frozenset(
    {".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mts", ".ts", ".webm"}
)
"""Names that count as clips."""

_PROGRAMS = frozenset({".mts", ".ts"})
"""Names that clips share with TypeScript: inside a folder they are passed over."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to protect.

    Attributes:
        source: the photo.
        target: where the result goes.
        problem: why it cannot be done, known before it is opened; None otherwise.
        warning: what is still to be looked at once it is done; empty as a rule.
    """

    source: Path
    target: Path
    problem: str | None = None
    warning: str = ""


def plan_jobs(inputs: Sequence[str], output: Path | None, *, in_place: bool = False) -> list[Job]:
    """What is to be done, in a fixed order.

    Folders are walked in name order and mirrored below the output folder; a file inside the output
    folder is never an input. Of two inputs with one output, the first wins and the second is a
    problem.

    Args:
        inputs: files, folders and glob patterns.
        output: folder of the results; None only with ``in_place``.
        in_place: write each result over its input.

    Raises:
        OptionError: if neither or both of output and in_place are given, the output is a file, or
            an input names nothing.
    """
    if (output is None) != in_place:
        given = "both" if in_place else "neither"
        raise OptionError(f"got {given} of --output and --in-place; expected exactly one")
    if output is not None and os.path.exists(output) and not os.path.isdir(output):
        raise OptionError(f"--output {shown(output)}: a file; expected a folder")
    jobs: list[Job] = []
    taken: dict[str, Path] = {}
    sources: dict[Path, None] = {}
    pairs = [pair for name in inputs for pair in _expand(name, output)]
    for source, relative in pairs:
        if source in sources:
            continue
        sources[source] = None
        # In place of a link its target is replaced: a new file in the link's place would leave it.
        target = Path(os.path.realpath(source)) if output is None else output / relative
        problem = None
        key = os.path.realpath(target)
        if output is None and key in taken:
            continue  # the same photo by another name
        if output is not None and _same_file(source, target):
            problem = "the output is the input itself; choose another --output, or --in-place"
        elif key in taken:
            problem = f"would be written to the same file as {shown(taken[key])}; rename one"
        else:
            taken[key] = source
        jobs.append(Job(source, target, problem))
    if output is None:
        return _with_twins(jobs)
    inputs_by_path = {os.path.realpath(job.source) for job in jobs}
    return [
        Job(j.source, j.target, "would overwrite another input; choose another --output")
        if j.problem is None and os.path.realpath(j.target) in inputs_by_path
        else j
        for j in jobs
    ]


def _with_twins(jobs: list[Job]) -> list[Job]:
    """Jobs in place, with a warning where a hard link keeps the original under another name."""
    names: dict[tuple[int, int], set[str]] = {}
    for job in jobs:
        with contextlib.suppress(OSError):
            found = os.stat(job.target)
            names.setdefault((found.st_dev, found.st_ino), set()).add(str(job.target))
    done = []
    for job in jobs:
        try:
            found = os.stat(job.target)
        except OSError:  # opening it gives the clear line
            done.append(job)
            continue
        identity = (found.st_dev, found.st_ino)
        left = found.st_nlink - len(names[identity])
        if left > 0 and not os.path.isdir(job.target):
            twins = _beside(job.target, identity, names[identity])
            where = f" ({', '.join(map(shown, twins))})" if twins else ""
            text = f"{left} other name{'s' if left > 1 else ''} of it{where} kept the original"
            job = replace(job, warning=f"hard link: {text}; protect or delete it too")
        done.append(job)
    return done


def _beside(path: Path, identity: tuple[int, int], known: set[str]) -> list[str]:
    """Other names of a file in its own folder."""
    try:
        with os.scandir(path.parent) as entries:
            return sorted(
                e.path
                for e in entries
                if e.path not in known
                and (lambda s: (s.st_dev, s.st_ino))(os.stat(e.path, follow_symlinks=False))
                == identity
            )
    except OSError:
        return []


def is_clip(path: Path) -> bool:
    """Whether a file is a clip, by its name."""
    return path.suffix.lower() in CLIP_SUFFIXES


def shown(path: Path | str) -> str:
    """A path on one line: line breaks and other control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


def _expand(name: str, output: Path | None) -> Iterator[tuple[Path, Path]]:
    path = Path(name)
    # os.path answers False where pathlib raises: in folders that may not be entered.
    if os.path.isdir(path):
        yield from _walk(path, output)
    elif os.path.lexists(path):
        yield path, Path(path.name)
    else:
        matches = [Path(m) for m in sorted(glob.glob(name, recursive=True))]
        if not matches:
            yield path, Path(path.name)  # opening it gives the clear line, and the batch goes on
        for match in matches:
            if os.path.isdir(match):
                yield from _walk(match, output)
            else:
                yield match, Path(match.name)


def _walk(folder: Path, output: Path | None) -> Iterator[tuple[Path, Path]]:
    skip = os.path.realpath(output) if output is not None else None
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if skip is None or os.path.realpath(os.path.join(where, f)) != skip
        )
        for file in sorted(files):
            source = Path(where) / file
            wanted = SUFFIXES | CLIP_SUFFIXES - _PROGRAMS
            if source.suffix.lower() in wanted and not file.startswith("."):
                yield source, source.relative_to(folder)


def _same_file(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False
