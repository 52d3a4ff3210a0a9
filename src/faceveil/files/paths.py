"""What a path is, by its name and what it holds: a photo, a clip, or neither."""

from __future__ import annotations

import os
from pathlib import Path

from faceveil.imaging.encode import TEMPORARY
from faceveil.imaging.formats import FORMATS, HEAD, format_of

SUFFIXES = frozenset(suffix for kind in FORMATS.values() for suffix in kind.suffixes)
"""Names that count as photos inside a folder. Files named one by one are always taken."""

CLIP_SUFFIXES = frozenset(
    {".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mts", ".ts", ".webm"}
)
"""Names that count as clips."""

_PROGRAMS = frozenset({".mts", ".ts"})
"""Names that clips share with TypeScript: inside a folder they are passed over."""


def is_clip(path: Path) -> bool:
    """Whether a file is a clip, by its name."""
    return path.suffix.lower() in CLIP_SUFFIXES


def shown(path: Path | str) -> str:
    """A path on one line: line breaks and other control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


def kind_in_folder(path: Path) -> str | None:
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
            head = file.read(HEAD)
    except OSError:
        return None
    if format_of(head):
        return "photo"
    if head[4:8] == b"ftyp":
        return "picture" if head[8:12] in _STILL else "clip"
    if head.startswith(_PICTURES):
        return "picture"
    if head.startswith(_CLIPS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "clip"
    return None


_STILL = frozenset({b"mif1", b"msf1", b"crx "})
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
