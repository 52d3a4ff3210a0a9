"""From what the user names to pairs of input and output files."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faceveil.errors import OptionError
from faceveil.imaging.encode import TEMPORARY

SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff"})
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
            several inputs or of another kind, or an input names nothing.
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
            problem = "the output is the input itself; choose another --output, or --in-place"
        elif key in taken:
            problem = f"would be written to the same file as {shown(taken[key])}; rename one"
        else:
            taken[key] = source
        jobs.append(Job(source, target, problem))
    if output is None:
        return _with_twins(jobs)
    inputs_by_path = {os.path.realpath(job.source) for job in jobs if not job.unknown}
    return [
        Job(j.source, j.target, "would overwrite another input; choose another --output")
        if not j.unknown and j.problem is None and os.path.realpath(j.target) in inputs_by_path
        else j
        for j in jobs
    ]


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


def is_clip(path: Path) -> bool:
    """Whether a file is a clip, by its name."""
    return path.suffix.lower() in CLIP_SUFFIXES


def shown(path: Path | str) -> str:
    """A path on one line: line breaks and other control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


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
    skip = os.path.realpath(output) if output is not None else None
    closed: list[OSError] = []
    for where, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(
            f for f in folders if skip is None or os.path.realpath(os.path.join(where, f)) != skip
        )
        for name in folders:
            if os.path.islink(os.path.join(where, name)):  # it may lead in a circle
                source = Path(where) / name
                yield source, source.relative_to(folder), "linked folder"
        for file in sorted(files):
            source = Path(where) / file
            kind = _kind(source)
            if kind is not None:
                yield source, source.relative_to(folder), kind
    for error in closed:
        source = Path(error.filename or folder)
        yield source, Path(source.name), "folder that may not be read"


def _kind(path: Path) -> str | None:
    """What becomes of a file in a folder, by its name and, where that says too little, its content.

    Returns:
        Empty where it is to be protected, what it is called where it is not looked at, None where
        it is no picture.
    """
    suffix = path.suffix.lower()
    if path.name.endswith(TEMPORARY):
        return None
    hidden = path.name.startswith(".")
    if not hidden and suffix in SUFFIXES | CLIP_SUFFIXES - _PROGRAMS:
        return ""
    found = kind_of(path)
    if found == "photo" and not hidden:
        return ""
    if found is None and (suffix not in OTHERS or hidden):
        return None
    return f"hidden {suffix or found}" if hidden else suffix or f"{found} without an ending"


def kind_of(path: Path) -> str | None:
    """``photo``, ``picture`` (of a kind that is not read) or ``clip`` by content; None for others.

    Pipes and devices are not opened.
    """
    if not os.path.isfile(path):
        return None
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return None
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n", b"II*\0", b"MM\0*")) or (
        head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    ):
        return "photo"
    if head[:2] == b"BM" and head[6:10] == bytes(4) and head[14:18] in _BMP_HEADERS:
        return "photo"
    if head[4:8] == b"ftyp":
        return "picture" if head[8:12] in _STILL else "clip"
    if head.startswith(_PICTURES):
        return "picture"
    if head.startswith(_CLIPS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "clip"
    return None


_BMP_HEADERS = frozenset(n.to_bytes(4, "little") for n in (12, 16, 40, 52, 56, 64, 108, 124))
_STILL = frozenset(
    {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx "}
)
_PICTURES = (
    b"GIF8",
    b"\0\0\0\x0cJXL ",
    b"\xff\x0a",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
    b"8BPS",
    b"IIU\0",
    b"FUJIFILMCCD-RAW",
    b"v/1\x01",
)
_CLIPS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: .wmv
    b"FLV\x01",
    b"\0\0\x01\xba",  # MPEG program stream
    b"\0\0\x01\xb3",
    b"OggS",
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01",  # MXF
)
OTHERS = frozenset(
    {
        ".heic",
        ".heif",
        ".hif",
        ".avif",
        ".jxl",
        ".gif",
        ".jp2",
        ".j2k",
        ".jpf",
        ".apng",
        ".svg",
        ".psd",
        ".tga",
        ".ppm",
        ".pgm",
        ".exr",
        ".ico",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".dng",
        ".orf",
        ".rw2",
        ".raf",
        ".pef",
        ".srw",
        ".wmv",
        ".mpg",
        ".mpeg",
        ".m2v",
        ".vob",
        ".flv",
        ".f4v",
        ".ogv",
        ".ogm",
        ".mxf",
        ".asf",
        ".divx",
        ".insv",
        ".rm",
        ".rmvb",
    }
)
"""Endings of pictures and clips that are not read, whatever their content looks like."""


def _same_file(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False
