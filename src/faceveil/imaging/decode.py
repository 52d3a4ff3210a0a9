"""Reading photos: by content, upright, in their own depth, with one clear line for bad ones."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from faceveil.errors import PhotoError
from faceveil.imaging.jpeg import decode_plain_jpeg
from faceveil.imaging.metadata import allowed_exif, allowed_xmp
from faceveil.imaging.photo import Mode, Photo, swap_red_blue

MAX_PIXELS = 100_000_000
"""Default limit of width x height, checked on the header before anything is decoded."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_ORIENTATION = 0x0112
_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "CMYK"}
_SHORT = ("truncated", "end of file", "unexpected end", "not enough", "buffer of at least", "eof")
_UNREAD = (
    "this kind of 16-bit photo is not supported (separate planes, CMYK, or a rare compression); "
    "expected interleaved grey, RGB or RGBA; save it as a 16-bit PNG"
)
_SMALL = 64  # pixels of a side, to compare at
_KNOWN = "expected a JPEG, PNG, WebP, BMP or TIFF photo"


def load_photo(path: Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo from a file.

    Args:
        path: the file; its type is read from the content, not from the name.
        max_pixels: photos with more pixels are refused.

    Raises:
        PhotoError: if the file cannot be read, is no supported photo, is damaged, has several
            frames, or is too large.
    """
    return decode_photo(read_photo(path), max_pixels=max_pixels)


def read_photo(path: Path) -> bytes:
    """The bytes of a file; see :func:`load_photo` for what is raised."""
    try:
        if not path.is_file() and path.exists() and not path.is_dir():
            raise PhotoError(
                "a pipe or device, which may have no end; expected a file; save it first"
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        kind = "a link to a file that is gone" if path.is_symlink() else "no such file"
        raise PhotoError(f"{kind}; {_KNOWN}") from error
    except IsADirectoryError as error:
        raise PhotoError("a folder; expected a file") from error
    except PermissionError as error:
        raise PhotoError("no permission to read it; change its permissions") from error
    except OSError as error:
        raise PhotoError(f"cannot be read: {os.strerror(error.errno or 0)}") from error


def decode_photo(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode a photo from bytes; see :func:`load_photo`."""
    if not data:
        raise PhotoError(f"empty, 0 bytes; {_KNOWN}")
    image = _open(data, max_pixels)
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    quick = decode_plain_jpeg(data) if kind == "JPEG" and image.mode == "RGB" else None
    if quick is None:
        _load(image)  # first, since reading metadata may load a damaged image too
    settings = _settings(image, data, kind)
    orientation, metadata, gone = _metadata(image)
    if quick is not None:
        return Photo(upright(quick, orientation), "RGB", kind, settings, metadata, gone)
    if _is_deep(image, data, kind):
        rendition, negative = _rendition(image), _is_negative(image)
        image.close()
        pixels, mode = _deep_pixels(data, rendition, negative)
    else:
        pixels, mode = _pixels(image)
    return Photo(upright(pixels, orientation), mode, kind, settings, metadata, gone)


def header_pixels(data: bytes, most: int) -> int:
    """Width x height as the header states them; 0 where it will be refused for them.

    Args:
        data: a file.
        most: the limit above which it is.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            pixels = image.width * image.height
            return pixels if pixels <= most else 0
    except Exception:  # decoding it says why
        return 0


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels turned as the EXIF orientation (1 to 8) asks; unknown values change nothing."""
    turned = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[:, ::-1],
        7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
        8: lambda p: p.swapaxes(0, 1)[::-1],
    }.get(orientation, lambda p: p)(pixels)
    return np.ascontiguousarray(turned)


def _open(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PhotoError(f"not an image; {_KNOWN}") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(  # Pillow's own limit, which no option lifts
            f"too large: over {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; expected at most "
            f"{max_pixels:,}; shrink it first"
        ) from error
    except Exception as error:  # damaged headers raise whatever the format's reader raises
        raise _damaged(error) from error
    width, height = image.size
    if width * height > max_pixels:
        raise PhotoError(
            f"too large: {width} x {height} pixels; expected at most {max_pixels:,}; "
            "raise --max-pixels or shrink it first"
        )
    frames = 1 if image.format == "MPO" else _frames(image)
    if frames > 1:
        raise PhotoError(f"{frames} frames; expected a single picture; split it first")
    return image


def _frames(image: ImageFile.ImageFile) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:  # counting the pages of a TIFF reads the head of each
        raise _damaged(error) from error


def _load(image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except Exception as error:  # as above
        raise _damaged(error) from error


def _pixels(image: ImageFile.ImageFile) -> tuple[NDArray[np.uint8], Mode]:
    picture: Image.Image = image
    if picture.mode in ("P", "PA", "RGBa") or "transparency" in picture.info:
        clear = picture.mode != "P" or "transparency" in picture.info
        picture = picture.convert("RGBA" if clear else "RGB")
    if picture.mode not in _MODES:
        raise PhotoError(
            f"pixel mode {picture.mode} is not supported; expected grey, RGB, RGBA, palette or CMYK"
        )
    mode = cast(Mode, _MODES[picture.mode])
    return np.asarray(picture if picture.mode == mode else picture.convert(mode)), mode


def _deep_pixels(
    data: bytes, rendition: Image.Image | None, negative: bool
) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], Mode]:
    """16-bit pixels through OpenCV: Pillow keeps 8 bits of 16-bit RGB.

    OpenCV reads some kinds wrongly and says nothing, so it is believed only where it agrees with
    Pillow's picture of fewer bits.
    """
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.dtype != np.uint16:
        raise PhotoError(_UNREAD)
    deep = np.asarray(pixels, np.uint16)
    if negative and deep.ndim == 2:
        deep = ~deep  # 0 is white there
    if deep.ndim == 2:
        mode: Mode = "L"
    else:
        deep, mode = swap_red_blue(deep), "RGB" if deep.shape[2] == 3 else "RGBA"
    if rendition is None or not _agree(deep, rendition):
        raise PhotoError(_UNREAD)
    return deep, mode


def _rendition(image: ImageFile.ImageFile) -> Image.Image | None:
    """Pillow's picture of 8 bits, small; None where its mode has no such thing."""
    small = (min(_SMALL, image.width), min(_SMALL, image.height))
    if image.mode in ("I;16", "I;16L", "I;16B", "I"):
        grey = (np.asarray(image, np.int64) >> 8).clip(0, 255).astype(np.uint8)
        grey = 255 - grey if _is_negative(image) else grey
        return Image.fromarray(grey).resize(small, Image.Resampling.BOX)
    if image.mode not in ("L", "RGB", "RGBA", "RGBX", "LA"):
        return None
    opaque = image.convert("L" if image.mode in ("L", "LA") else "RGB")
    return opaque.resize(small, Image.Resampling.BOX)


def _is_negative(image: ImageFile.ImageFile) -> bool:
    """Whether the file is a grey TIFF in which 0 is white."""
    return bool(image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0)


def _agree(deep: NDArray[np.uint16], rendition: Image.Image) -> bool:
    top = (deep[..., :3] if deep.ndim == 3 else deep) >> 8
    own = Image.fromarray(top.astype(np.uint8)).resize(rendition.size, Image.Resampling.BOX)
    if own.mode != rendition.mode:
        own, rendition = own.convert("RGB"), rendition.convert("RGB")
    difference = np.asarray(own, np.int16) - np.asarray(rendition, np.int16)
    return float(np.abs(difference).mean()) <= 2


def _is_deep(image: ImageFile.ImageFile, data: bytes, kind: str) -> bool:
    if kind == "PNG":
        return len(data) > 24 and data[24] == 16
    if kind == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, (8,))
        return bool(max(bits if isinstance(bits, tuple) else (bits,)) == 16)
    return False


def _settings(image: ImageFile.ImageFile, data: bytes, kind: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if "dpi" in image.info and kind in ("JPEG", "PNG", "TIFF"):
        settings["dpi"] = tuple(float(v) for v in image.info["dpi"])
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        settings["qtables"] = {k: list(v) for k, v in image.quantization.items()}
        settings["subsampling"] = JpegImagePlugin.get_sampling(image)
        settings["progressive"] = bool(image.info.get("progressive", False))
    if kind == "TIFF":
        settings["compression"] = image.info.get("compression", "raw")
    if kind == "WEBP":
        settings["lossless"] = b"VP8L" in data[:64] or (data[12:16] == b"VP8X" and b"VP8L" in data)
    return settings


def _metadata(image: ImageFile.ImageFile) -> tuple[int, dict[str, bytes], tuple[str, ...]]:
    """The EXIF orientation, the colour profile and what may be kept; names of the rest."""
    orientation = 1
    found: dict[str, bytes] = {}
    gone: list[str] = []
    try:
        exif = image.getexif()
        orientation = exif.get(_ORIENTATION, 1)
        found["exif"], gone = allowed_exif(exif)
    except Exception:  # damaged EXIF raises anything, and is no reason to refuse a photo
        found.pop("exif", None)
        gone = ["EXIF"]
    xmp = image.info.get("xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    if isinstance(xmp, bytes) and xmp:
        found["xmp"], more = allowed_xmp(xmp)
        gone += more
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes):
        found["icc_profile"] = profile
    return orientation, {k: v for k, v in found.items() if v}, tuple(dict.fromkeys(gone))


def _damaged(error: Exception) -> PhotoError:
    """In plain words: what readers of formats say is about their own insides."""
    said = str(error).lower()
    short = isinstance(error, EOFError) or any(word in said for word in _SHORT)
    what = "it ends too early" if short else "its content cannot be read"
    return PhotoError(f"damaged: {what}; expected a whole photo; copy it again")
