"""The formats of photos that are read and written, each told by its content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """A format of photos.

    Attributes:
        name: as Pillow calls it.
        media_type: of the web.
        suffixes: of names in a folder, the first for what is written.
    """

    name: str
    media_type: str
    suffixes: tuple[str, ...]


FORMATS = {
    f.name: f
    for f in (
        Format("JPEG", "image/jpeg", (".jpg", ".jpeg", ".jfif", ".jpe")),
        Format("PNG", "image/png", (".png",)),
        Format("WEBP", "image/webp", (".webp",)),
        Format("BMP", "image/bmp", (".bmp",)),
        Format("TIFF", "image/tiff", (".tif", ".tiff")),
        Format("HEIF", "image/heic", (".heic", ".heif", ".hif")),
        Format("AVIF", "image/avif", (".avif",)),
    )
}
READ = "JPEG, PNG, WebP, BMP, TIFF, HEIC or AVIF"
"""For messages."""

HEAD = 128
"""Bytes from the beginning of a file that tell its format."""

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
}
_BMP_HEADERS = frozenset(n.to_bytes(4, "little") for n in (12, 16, 40, 52, 56, 64, 108, 124))
_HEVC = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"})
_AV1 = frozenset({b"avif", b"avis"})


def format_of(head: bytes) -> str | None:
    """The name of a file's format; None where it is none of ours.

    Args:
        head: its first bytes, :data:`HEAD` of them or more.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and head[14:18] in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    return None


def _of_brands(head: bytes) -> str | None:
    """The format of an ISO media file by its brands: the first names it, or one of the others."""
    size = min(int.from_bytes(head[:4]), HEAD)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    still = brands[0] in _HEVC | _AV1 | {b"mif1", b"msf1", b"mif2"}
    for brand in brands if still else ():
        if brand in _HEVC:
            return "HEIF"
        if brand in _AV1:
            return "AVIF"
    return None
