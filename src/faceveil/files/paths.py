"""From what the user names to pairs of input and output files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    """

    source: Path
    target: Path
    problem: str | None = None


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
        target = source if output is None else output / relative
        problem = None
        key = os.path.realpath(target)
        if output is not None and _same_file(source, target):
            problem = "the output is the input itself; choose another --output, or --in-place"
        elif key in taken:
            problem = f"would be written to the same file as {shown(taken[key])}; rename one"
        else:
            taken[key] = source
        jobs.append(Job(source, target, problem))
    inputs_by_path = {os.path.realpath(job.source) for job in jobs}
    return [
        Job(j.source, j.target, "would overwrite another input; choose another --output")
        if output is not None and j.problem is None and os.path.realpath(j.target) in inputs_by_path
        else j
        for j in jobs
    ]


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
