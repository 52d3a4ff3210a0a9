"""From what the user names to pairs of input and output files."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faceveil.errors import OptionError
from faceveil.files.paths import CLIP_SUFFIXES, SUFFIXES, is_clip, kind_in_folder, shown


@dataclass(frozen=True, slots=True)
class Job:
    """One file to protect.

    Attributes:
        source: the photo.
        target: where the result goes.
        problem: why it cannot be done, known before it is opened; None otherwise.
        warning: what is still to be looked at once it is done; empty as a rule.
        unknown: of what in a folder is not looked at, its kind, such as ``.heic`` or ``linked
            folder``; empty where it is a photo or clip to protect.
    """

    source: Path
    target: Path
    problem: str | None = None
    warning: str = ""
    unknown: str = ""


def plan_jobs(inputs: Sequence[str], output: Path | None, *, in_place: bool = False) -> list[Job]:
    """What is to be done, in a fixed order.

    Folders are walked in name order and mirrored below the output folder; a file inside the output
    folder is never an input. What may show faces and cannot be protected is a job too, with its
    kind in ``unknown``; what is no picture at all is passed over. Of two inputs with one output,
    the first wins and the second is a problem.

    Args:
        inputs: files, folders and glob patterns.
        output: folder of the results, or of one input the file; None only with ``in_place``.
        in_place: write each result over its input.

    Raises:
        OptionError: if neither or both of output and in_place are given, the output is a file of
            several inputs or of another kind, all outputs are the inputs themselves, or an input
            names nothing.
    """
    if (output is None) != in_place:
        given = "both" if in_place else "neither"
        raise OptionError(f"got {given} of --output and --in-place; expected exactly one")
    as_file = output is not None and _names_file(inputs, output)
    if output is not None and not as_file and os.path.exists(output) and not os.path.isdir(output):
        raise OptionError(f"--output {shown(output)}: a file; expected a folder")
    jobs: list[Job] = []
    taken: dict[str, Path] = {}
    sources: dict[Path, None] = {}
    pairs = [pair for name in inputs for pair in _expand(name, output)]
    for source, relative, unknown in pairs:
        if source in sources:
            continue
        sources[source] = None
        if unknown:
            jobs.append(Job(source, source, unknown=unknown))
            continue
        # In place of a link its target is replaced: a new file in the link's place would leave it.
        target = Path(os.path.realpath(source)) if output is None else output / relative
        target = output if output is not None and as_file else target
        problem = None
        key = os.path.realpath(target)
        if output is None and key in taken:
            continue  # the same photo by another name
        if output is not None and _same_file(source, target):
            problem = _ITSELF
        elif key in taken:
            problem = f"would be written to the same file as {shown(taken[key])}; rename one"
        else:
            taken[key] = source
        jobs.append(Job(source, target, problem))
    if output is None:
        return _with_twins(jobs)
    real = [job for job in jobs if not job.unknown]
    if len(real) > 1 and all(job.problem == _ITSELF for job in real):
        raise OptionError(
            f"--output {shown(output)}: the folder of the inputs themselves; choose another "
            "--output, or --in-place"
        )
    inputs_by_path = {os.path.realpath(job.source) for job in jobs if not job.unknown}
    return [
        Job(j.source, j.target, "would overwrite another input; choose another --output")
        if not j.unknown and j.problem is None and os.path.realpath(j.target) in inputs_by_path
        else j
        for j in jobs
    ]


_ITSELF = "the output is the input itself; choose another --output, or --in-place"

_SAME = (frozenset({".jpg", ".jpeg", ".jfif", ".jpe"}), frozenset({".tif", ".tiff"}))
"""Endings of one kind of photo."""


def _names_file(inputs: Sequence[str], output: Path) -> bool:
    """Whether the output is meant to be a file: that of one input, and named as a photo or clip.

    Raises:
        OptionError: if its ending is of another kind than the input.
    """
    end = output.suffix.lower()
    if len(inputs) != 1 or end not in SUFFIXES | CLIP_SUFFIXES or os.path.isdir(output):
        return False
    source = Path(inputs[0])
    own = source.suffix.lower()
    if not os.path.isfile(source):
        return False
    one_kind = own == end or (is_clip(source) and is_clip(output))
    one_kind = one_kind or any({own, end} <= kind for kind in _SAME)
    if own in SUFFIXES | CLIP_SUFFIXES and not one_kind:
        raise OptionError(
            f"--output {shown(output)}: a photo stays of its kind; expected the ending {own}"
        )
    return True


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


_Found = tuple[Path, Path, str]
"""A file, its place below the output, and its kind where it is not looked at."""


def _expand(name: str, output: Path | None) -> Iterator[_Found]:
    path = Path(name)
    # os.path answers False where pathlib raises: in folders that may not be entered.
    if os.path.isdir(path):
        yield from _walk(path, output)
    elif os.path.lexists(path):
        yield path, Path(path.name), ""
    else:
        matches = [Path(m) for m in sorted(glob.glob(name, recursive=True))]
        if not matches:
            # opening it gives the clear line, and the batch goes on
            yield path, Path(path.name), ""
        for match in matches:
            if os.path.isdir(match):
                yield from _walk(match, output)
            else:
                yield match, Path(match.name), ""


def _walk(folder: Path, output: Path | None) -> Iterator[_Found]:
    skip = None if output is None else _identity(output)
    closed: list[OSError] = []
    waiting = [str(folder)]
    while waiting:  # Python's own walk ends in an error where folders lie a thousand deep
        where = waiting.pop()
        folders, files = _listed(where, closed)
        below = []
        for name in folders:
            path = os.path.join(where, name)
            if skip is not None and _identity(path) == skip:
                continue
            if os.path.islink(path):  # it may lead in a circle
                yield Path(path), Path(path).relative_to(folder), "linked folder"
            else:
                below.append(path)
        waiting += reversed(below)
        for file in files:
            source = Path(where) / file
            kind = kind_in_folder(source)
            if kind is not None:
                yield source, source.relative_to(folder), kind
    for error in closed:
        source = Path(error.filename or folder)
        yield source, Path(source.name), "folder that may not be read"


def _identity(path: str | Path) -> tuple[int, int] | None:
    """What tells a folder from all others, whatever leads to it; None where it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _listed(folder: str, closed: list[OSError]) -> tuple[list[str], list[str]]:
    """Names of the folders and of the files in a folder, each in order."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        closed.append(error)
    return sorted(folders), sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _same_file(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False
