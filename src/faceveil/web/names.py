"""Names inside a zip: nothing of a client's path, nothing that a system trips over."""

from __future__ import annotations

import re
import unicodedata

from faceveil.imaging.formats import FORMATS

SUFFIXES = {name: kind.suffixes[0] for name, kind in FORMATS.items()}
MEDIA_TYPES = {name: kind.media_type for name, kind in FORMATS.items()}
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe_name(name: str, suffix: str, taken: set[str]) -> str:
    """A file name for a zip.

    Args:
        name: what the client called the file; may be anything.
        suffix: what the content is, such as ``.jpg``; the client's own is dropped.
        taken: names given so far, folded; the new one is added.

    Returns:
        One path component of letters, figures, ``-``, ``_``, blank and single dots, at most 90
        characters, not yet taken on systems that do not tell case.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    stem = re.sub(r"\.[A-Za-z]{3,4}$", "", last)
    stem = "".join(c if c.isalnum() or c in "-_. " else "_" for c in stem)
    stem = re.sub(r"\.{2,}", ".", stem)[:80].strip(". ") or "photo"
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    count, unique = 1, stem + suffix
    while unique.casefold() in taken:
        count += 1
        unique = f"{stem}-{count}{suffix}"
    taken.add(unique.casefold())
    return unique
