"""Chunks of PNG files that neither Pillow nor OpenCV writes: what the colours mean."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

Chunk = tuple[bytes, bytes]
"""Type and content."""

COLOUR = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"})
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = 8 + 12 + 13  # signature and header: what colours mean has to follow at once
_LARGEST = 64  # bytes of such a chunk; the standard's have 32 at most


def colour_chunks(data: bytes) -> tuple[Chunk, ...]:
    """What a file says of its colours beside an ICC profile, in its order, each kind once.

    Args:
        data: a PNG file.
    """
    found: dict[bytes, bytes] = {}
    for kind, content in _chunks(data):
        if kind in COLOUR and len(content) <= _LARGEST:
            found.setdefault(kind, content)
    return tuple(found.items())


def with_chunks(data: bytes, chunks: Iterable[Chunk]) -> bytes:
    """The file with chunks added before its pixels.

    Args:
        data: a PNG file, without those chunks.
        chunks: what to add.
    """
    added = b"".join(
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )  # fmt: skip
    return data[:_HEAD] + added + data[_HEAD:] if added else data


def metadata_chunks(
    metadata: dict[str, bytes], dpi: tuple[float, float] | None = None
) -> Iterator[Chunk]:
    """ICC profile, resolution, EXIF and XMP as chunks.

    Args:
        metadata: ``icc_profile``, ``exif`` and ``xmp``, each where there is one.
        dpi: pixels per inch, across and down.
    """
    if "icc_profile" in metadata:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata["icc_profile"])
    if dpi is not None:
        yield b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in dpi), 1)
    if "exif" in metadata:
        yield b"eXIf", metadata["exif"].removeprefix(b"Exif\0\0")
    if "xmp" in metadata:
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata["xmp"]


def _chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks before the pixels."""
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + size]
        at += 12 + size
