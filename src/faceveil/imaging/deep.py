"""Pixels of 16 bits, through OpenCV: Pillow keeps 8 bits of 16-bit RGB."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageFile

from faceveil.errors import OutputError, PhotoError
from faceveil.imaging.photo import Mode, Photo, swap_red_blue
from faceveil.imaging.png import metadata_chunks, with_chunks
from faceveil.imaging.tiff import metadata_tags, with_tags
from faceveil.types import Uint8Array

_UNREAD = (
    "this kind of 16-bit photo is not supported (separate planes, CMYK, or a rare compression); "
    "expected interleaved grey, RGB or RGBA; save it as a 16-bit PNG"
)
_SMALL = 64  # pixels of a side, to compare at
_COMPRESSIONS = {"raw": 1, "tiff_lzw": 5, "packbits": 32773}  # libtiff's numbers
_DEFLATE = 8
_QUALITY = 95  # of AVIF


def depth_of(image: ImageFile.ImageFile, data: bytes) -> int:
    """Bits of a channel of a PNG or TIFF file: 16, or 8 for all others."""
    if image.format == "PNG":
        return 16 if len(data) > 24 and data[24] == 16 else 8
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, (8,))
        return 16 if max(bits if isinstance(bits, tuple) else (bits,)) == 16 else 8
    return 8


def is_negative(image: ImageFile.ImageFile) -> bool:
    """Whether the file is a grey TIFF in which 0 is white."""
    return bool(image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0)


def rendition(image: ImageFile.ImageFile) -> Image.Image | None:
    """Pillow's picture of 8 bits, small; None where its mode has no such thing."""
    small = (min(_SMALL, image.width), min(_SMALL, image.height))
    if image.mode in ("I;16", "I;16L", "I;16B", "I"):
        grey: Uint8Array = (np.asarray(image, np.int64) >> 8).clip(0, 255).astype(np.uint8)
        grey = 255 - grey if is_negative(image) else grey
        return Image.fromarray(grey).resize(small, Image.Resampling.BOX)
    if image.mode not in ("L", "RGB", "RGBA", "RGBX", "LA"):
        return None
    opaque = image.convert("L" if image.mode in ("L", "LA") else "RGB")
    return opaque.resize(small, Image.Resampling.BOX)


def deep_pixels(
    data: bytes, seen: Image.Image | None, negative: bool, bits: int = 16
) -> tuple[np.ndarray[Any, np.dtype[np.uint16]], Mode]:
    """The pixels of a file of more than 8 bits, and what their channels mean.

    OpenCV reads some kinds wrongly and says nothing, so it is believed only where it agrees with
    Pillow's picture of fewer bits.

    Args:
        data: a PNG, TIFF or AVIF file.
        seen: its :func:`rendition`.
        negative: see :func:`is_negative`.
        bits: of a channel; the pixels are brought to 16.

    Raises:
        PhotoError: if OpenCV cannot read it, or reads another picture.
    """
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    if bits < 16 and not hasattr(cv2, "imencodeWithMetadata"):
        raise PhotoError(f"AVIF of {bits} bits needs OpenCV 4.12 or later; expected one of 8 bits")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.dtype != np.uint16:
        raise PhotoError(_UNREAD)
    deep = np.asarray(pixels, np.uint16)
    if bits < 16:
        deep = np.left_shift(deep, 16 - bits)
    if negative and deep.ndim == 2:
        deep = ~deep
    if deep.ndim == 2:
        mode: Mode = "L"
    else:
        deep, mode = swap_red_blue(deep), "RGB" if deep.shape[2] == 3 else "RGBA"
    if seen is None or not _agree(deep, seen):
        raise PhotoError(_UNREAD)
    return deep, mode


def encode_deep(photo: Photo, metadata: dict[str, bytes]) -> bytes:
    """A photo of more than 8 bits as PNG, TIFF or AVIF.

    Args:
        photo: what to write.
        metadata: what is kept of its own.

    Raises:
        OutputError: if it cannot be encoded.
    """
    pixels = np.asarray(photo.pixels, np.uint16)
    if photo.mode in ("RGB", "RGBA"):
        pixels = swap_red_blue(pixels.copy())
    if photo.format == "AVIF":
        return _encode_avif(pixels, photo.settings["bits"], metadata)
    options: list[int] = []
    if photo.format == "TIFF":
        code = _COMPRESSIONS.get(str(photo.settings.get("compression", "raw")), _DEFLATE)
        options = [cv2.IMWRITE_TIFF_COMPRESSION, code]
    done, encoded = cv2.imencode(f".{photo.format.lower()}", np.ascontiguousarray(pixels), options)
    if not done:
        raise OutputError(f"cannot encode 16-bit {photo.format}; convert the photo to 8 bits")
    data, dpi = encoded.tobytes(), photo.settings.get("dpi")
    if photo.format == "TIFF":
        return with_tags(data, metadata_tags(metadata, dpi))
    chunks = [*photo.settings.get("chunks", ()), *metadata_chunks(metadata, dpi)]
    return with_chunks(data, chunks)


def _encode_avif(pixels: np.ndarray[Any, Any], bits: int, metadata: dict[str, bytes]) -> bytes:
    """Pixels as OpenCV orders them, as AVIF of 10 or 12 bits."""
    kinds = {
        "exif": cv2.IMAGE_METADATA_EXIF,
        "xmp": cv2.IMAGE_METADATA_XMP,
        "icc_profile": cv2.IMAGE_METADATA_ICCP,
    }
    names = [name for name in kinds if metadata.get(name)]
    blocks = [metadata[name].removeprefix(b"Exif\0\0") for name in names]
    done, encoded = cv2.imencodeWithMetadata(
        ".avif",
        np.ascontiguousarray(pixels >> (16 - bits)),
        [kinds[name] for name in names],
        [np.frombuffer(block, np.uint8)[None] for block in blocks],
        [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, _QUALITY],
    )
    if not done:
        raise OutputError(f"cannot encode {bits}-bit AVIF; convert the photo to 8 bits")
    return encoded.tobytes()


def _agree(deep: np.ndarray[Any, np.dtype[np.uint16]], seen: Image.Image) -> bool:
    top = (deep[..., :3] if deep.ndim == 3 else deep) >> 8
    own = Image.fromarray(top.astype(np.uint8)).resize(seen.size, Image.Resampling.BOX)
    if own.mode != seen.mode:
        own, seen = own.convert("RGB"), seen.convert("RGB")
    difference = np.asarray(own, np.int16) - np.asarray(seen, np.int16)
    return float(np.abs(difference).mean()) <= 2
