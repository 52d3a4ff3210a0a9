"""TIFF files: their pages, and tags for those of 16 bits, which OpenCV writes without any."""

from __future__ import annotations

import struct
from typing import Any

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from faceveil.errors import OutputError

_KIND, _OLD_KIND = 254, 255  # of a page: 1 in the first and 2 in the second for a smaller copy
_XMP, _ICC, _EXIF, _GPS = 700, 34675, 0x8769, 0x8825
_ACROSS, _DOWN, _UNIT, _INCH = 282, 283, 296, 2


def main_pages(image: ImageFile.ImageFile) -> tuple[int, ...]:
    """Numbers of the pages of a file that are no smaller copy of another.

    Args:
        image: a TIFF file, opened.

    Raises:
        Exception: whatever Pillow raises for a damaged list of pages.
    """
    found = []
    for page in range(int(getattr(image, "n_frames", 1))):
        image.seek(page)
        tags: dict[int, Any] = getattr(image, "tag_v2", {})
        if not (int(tags.get(_KIND, 0)) & 1 or int(tags.get(_OLD_KIND, 1)) == 2):
            found.append(page)
    image.seek(0)
    return tuple(found)


def metadata_tags(
    metadata: dict[str, bytes], dpi: tuple[float, float] | None = None
) -> dict[int, Any]:
    """ICC profile, resolution, EXIF and XMP as tags; see :func:`.png.metadata_chunks`."""
    tags: dict[int, Any] = {}
    if "exif" in metadata:
        exif = Image.Exif()
        exif.load(metadata["exif"])
        tags |= {tag: value for tag, value in exif.items() if tag not in (_EXIF, _GPS)}
        tags |= {p: dict(inner) for p in (_EXIF, _GPS) if (inner := exif.get_ifd(p))}
    if dpi is not None:
        tags |= {_ACROSS: dpi[0], _DOWN: dpi[1], _UNIT: _INCH}
    if "icc_profile" in metadata:
        tags[_ICC] = metadata["icc_profile"]
    if "xmp" in metadata:
        tags[_XMP] = metadata["xmp"]
    return tags


def with_tags(data: bytes, tags: dict[int, Any]) -> bytes:
    """The file with tags added; those that it has stay as they are.

    They are appended, with a new list of all tags behind them: nothing that is there moves, so all
    places that the old list names stay right.

    Args:
        data: a TIFF file of one page, little-endian, below 4 GB.
        tags: values by number; a dict is a list of tags of its own.

    Raises:
        OutputError: if it is another kind of TIFF.
    """
    if not tags:
        return data
    if not data.startswith(b"II*\0"):
        raise OutputError("too large for a TIFF of 16 bits; save it as a 16-bit PNG")
    added = ImageFileDirectory_v2()
    for tag, value in tags.items():
        added[tag] = value
    old = struct.unpack_from("<I", data, 4)[0]
    at = len(data) + len(data) % 2
    data = data.ljust(at, b"\0") + added.tobytes(at)
    rows = sorted({**_entries(data, at), **_entries(data, old)}.items())
    whole = len(data) + len(data) % 2
    listed = struct.pack("<H", len(rows)) + b"".join(row for _, row in rows) + bytes(4)
    return b"II*\0" + struct.pack("<I", whole) + data[8:].ljust(whole - 8, b"\0") + listed


def _entries(data: bytes, at: int) -> dict[int, bytes]:
    """The entries of a list of tags, as they are stored, by tag."""
    count = struct.unpack_from("<H", data, at)[0]
    rows = (data[at + 2 + 12 * k : at + 14 + 12 * k] for k in range(count))
    return {struct.unpack_from("<H", row)[0]: row for row in rows}
