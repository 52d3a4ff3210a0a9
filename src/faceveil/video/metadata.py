"""What ``--keep-metadata`` keeps of a clip: an allow-list of what cannot name or show anybody.

That is what a device writes about itself, when and where, each checked for its form. Titles, names,
comments and chapters go, as do all that a program of its own may have added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_LONGEST = 100  # characters of what a device writes about itself


def _is_time(value: str) -> bool:
    return (
        re.fullmatch(r"\d{4}([-:/.]?\d\d){0,2}([T ][\d:.]{2,15}(Z|[+-]\d\d:?\d\d)?)?", value)
        is not None
    )


def _is_place(value: str) -> bool:
    """Latitude, longitude and perhaps altitude after ISO 6709, or a number of metres."""
    return re.fullmatch(r"([+-]\d[\d.]*){1,3}/?|\d[\d.]*", value) is not None


def _is_plain(value: str) -> bool:
    return len(value) <= _LONGEST and value.isprintable()


_ALLOWED: dict[str, Callable[[str], bool]] = {
    "creation_time": _is_time,
    "date": _is_time,
    "location": _is_place,
    "location-eng": _is_place,
    "make": _is_plain,
    "model": _is_plain,
    "com.android.capture.fps": _is_plain,
    "com.android.manufacturer": _is_plain,
    "com.android.model": _is_plain,
    "com.android.version": _is_plain,
    "com.apple.quicktime.creationdate": _is_time,
    "com.apple.quicktime.location.accuracy.horizontal": _is_place,
    "com.apple.quicktime.location.iso6709": _is_place,
    "com.apple.quicktime.make": _is_plain,
    "com.apple.quicktime.model": _is_plain,
    "com.apple.quicktime.software": _is_plain,
}
"""Tags by their names in small letters (Matroska has them in capitals), and what they look like."""

_LAYOUT = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "language"}
    | {"vendor_id", "bps", "number_of_frames", "number_of_bytes", "variant_bitrate"}
)
"""Tags that say how the file is laid out: written anew, so not missed."""

_HANDLERS = frozenset({"VideoHandler", "SoundHandler", "SubtitleHandler", "DataHandler"})


def allowed_tags(tags: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The tags to keep, and the names of those that go.

    Args:
        tags: of a clip or one of its streams, as FFmpeg names them.
    """
    kept: dict[str, str] = {}
    gone: list[str] = []
    for name, value in tags.items():
        key = name.lower()
        if key in _ALLOWED and _ALLOWED[key](value.strip()):
            kept[name] = value.strip()
        elif not (key in _LAYOUT or key.startswith("_statistics") or value in _HANDLERS):
            gone.append(name if _is_plain(name) else "a tag")
    return kept, gone


def tags_gone(container: Any, *, keep: bool) -> list[str]:
    """Names of what a clip's copy has no more: tags and chapters, such as ``stream 1: title``.

    Args:
        container: PyAV's, of the original.
        keep: whether allowed tags are kept.
    """
    found = []
    parts = {"": container.metadata}
    parts |= {f"stream {s.index}: ": s.metadata for s in container.streams}
    for where, tags in parts.items():
        kept, gone = allowed_tags(tags)
        found += [f"{where}{name}" for name in (gone if keep else [*kept, *gone])]
    chapters = len(container.chapters())
    return [*found, *([f"{chapters} chapters"] if chapters else [])]
