"""Reading photos: by content, upright, in their own depth, with one clear line for bad ones."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from faceveil.errors import PhotoError
from faceveil.imaging.cicp import cicp_profile
from faceveil.imaging.deep import deep_pixels, depth_of, is_negative, rendition
from faceveil.imaging.formats import HEAD, READ, format_of
from faceveil.imaging.heif import (
    avif_facts,
    deep_heif,
    heif_bits,
    heif_others,
    heif_settings,
    heif_space,
    open_heif,
)
from faceveil.imaging.jpeg import decode_plain_jpeg, rare_kind
from faceveil.imaging.metadata import allowed_exif, allowed_xmp
from faceveil.imaging.photo import Mode, Photo
from faceveil.imaging.png import colour_chunks
from faceveil.imaging.tiff import main_pages

MAX_PIXELS = 100_000_000
"""Default limit of width x height, checked on the header before anything is decoded."""

_ORIENTATION = 0x0112
_PIXEL = 8  # bytes: RGBA of 16 bits, not compressed
_LEAST_ROOM = 64 << 20  # bytes for all that a file holds beside its pixels: profiles, clips
T = TypeVar("T")
_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "CMYK"}
_SHORT = ("truncated", "end of file", "unexpected end", "not enough", "buffer of at least", "eof")
_KNOWN = f"expected a {READ} photo"


def load_photo(path: Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo from a file.

    Args:
        path: the file; its type is read from the content, not from the name.
        max_pixels: photos with more pixels are refused.

    Raises:
        PhotoError: if the file cannot be read, is no supported photo, is damaged, has several
            frames, or is too large.
    """
    return decode_photo(read_photo(path, max_pixels=max_pixels), max_pixels=max_pixels)


def read_photo(path: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """The bytes of a file, once its first ones and its size have been looked at.

    See :func:`load_photo` for what is raised.
    """
    try:
        if not path.is_file() and path.exists() and not path.is_dir():
            raise PhotoError(
                "a pipe or device, which may have no end; expected a file; save it first"
            )
        with path.open("rb") as file:
            head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
            most = _LEAST_ROOM + _PIXEL * max_pixels
            if head and format_of(head) is None:
                raise PhotoError(f"not an image; {_KNOWN}")
            if size > most:
                raise PhotoError(
                    f"too large: {size:,} bytes; expected at most {most:,} for {max_pixels:,} "
                    "pixels; raise --max-pixels or shrink it first"
                )
            return head + file.read(most)  # it may grow meanwhile
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
    try:
        return _decode(data, max_pixels)
    except PhotoError as error:
        rare = _rare(data, error.__cause__) if str(error).startswith("damaged") else None
        if rare is None:
            raise
        raise PhotoError(f"{rare}: not supported; save it as a PNG first") from error


def _rare(data: bytes, cause: BaseException | None) -> str | None:
    """What a file is that could not be read and may be whole all the same."""
    kind = format_of(data)
    if kind == "JPEG" and (rare := rare_kind(data)):
        return f"a JPEG file of a rare kind ({rare})"
    if kind in ("TIFF", "BMP") and isinstance(cause, UnidentifiedImageError):
        return f"a {kind} file of a rare kind (such as float numbers or 32 bits), or damaged"
    return None


def _decode(data: bytes, max_pixels: int) -> Photo:
    image = _open(data, max_pixels)
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    deep = _bits(image, data) > 8
    quick = decode_plain_jpeg(data) if kind == "JPEG" and image.mode == "RGB" else None
    if quick is None and not (deep and kind == "HEIF"):
        _load(image)  # first, since reading metadata may load a damaged image too
    dropped = _other_pictures(image, data)
    settings = _settings(image, data, kind)
    orientation, metadata, gone = _metadata(image)
    space = _stated_space(image, data)
    if space and "icc_profile" not in metadata:
        metadata["icc_profile"] = space
    pixels: NDArray[Any]
    mode: Mode = "RGB"
    if quick is not None:
        pixels = quick
    elif deep and kind == "HEIF":
        pixels, mode = _decoded(lambda: deep_heif(data))
    elif deep:
        seen, negative, bits = rendition(image), is_negative(image), _bits(image, data)
        image.close()
        pixels, mode = deep_pixels(data, seen, negative, bits)
    else:
        pixels, mode = _pixels(image)
    pixels = upright(pixels, orientation)
    return Photo(pixels, mode, kind, settings, metadata, gone, dropped=dropped)


def lift_pillow_limit() -> None:
    """Have Pillow open photos of any size in this process: ours is checked on the header.

    For programs of ours; a library does not change what other users of Pillow rely on.
    """
    Image.MAX_IMAGE_PIXELS = None


def header_pixels(data: bytes, most: int) -> int:
    """Width x height as the header states them; 0 where it will be refused for them.

    Args:
        data: a file.
        most: the limit above which it is.
    """
    try:
        with _opened(data) as image:
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
        image = _opened(data)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise _beyond_pillow() from error
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


def _opened(data: bytes) -> ImageFile.ImageFile:
    kind = format_of(data)
    if kind is None:
        raise PhotoError(f"not an image; {_KNOWN}")
    if kind == "HEIF":
        return open_heif(io.BytesIO(data))
    return Image.open(io.BytesIO(data), formats=(kind,))


def _bits(image: ImageFile.ImageFile, data: bytes) -> int:
    """Bits of a channel."""
    if image.format == "HEIF":
        return heif_bits(image)
    return avif_facts(data).bits if image.format == "AVIF" else depth_of(image, data)


def _stated_space(image: ImageFile.ImageFile, data: bytes) -> bytes | None:
    """An ICC profile of the colour space that HEIC and AVIF state by numbers."""
    if image.format == "HEIF":
        return heif_space(image)
    stated = avif_facts(data).space if image.format == "AVIF" else None
    return stated and cicp_profile(*stated)


def _frames(image: ImageFile.ImageFile) -> int:
    """How many pictures there are: smaller copies behind the first do not count."""
    try:
        frames = int(getattr(image, "n_frames", 1))
        if image.format != "TIFF" or frames == 1:
            return frames
        main = main_pages(image)
    except Exception as error:  # counting the pages of a TIFF reads the head of each
        raise _damaged(error) from error
    return 1 if main == (0,) else frames


def _other_pictures(image: ImageFile.ImageFile, data: bytes) -> tuple[str, ...]:
    """What pictures there are beside the main one: they show the face, so they never stay."""
    xmp = image.info.get("xmp", b"")
    xmp = xmp if isinstance(xmp, bytes) else str(xmp).encode("utf-8", "replace")
    found = heif_others(image) if image.format == "HEIF" else []
    mapped = b"hdr-gain-map" in xmp or b"HDRGainMap" in xmp
    if image.format == "AVIF":
        mapped = avif_facts(data).gain_map
    if mapped and "gain map" not in found:
        found.append("gain map")
    elif image.format == "MPO":
        found.append("second picture")
    if b"MotionPhoto" in xmp or b"MicroVideo" in xmp:
        found.append("clip of a motion photo")
    if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        found.append("preview page")
    return tuple(found)


def _load(image: ImageFile.ImageFile) -> None:
    _decoded(image.load)


def _decoded(decode: Callable[[], T]) -> T:
    try:
        return decode()
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise _beyond_pillow() from error
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


def _settings(image: ImageFile.ImageFile, data: bytes, kind: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if "dpi" in image.info and kind in ("JPEG", "PNG", "TIFF"):
        settings["dpi"] = tuple(float(v) for v in image.info["dpi"])
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        settings["qtables"] = {k: list(v) for k, v in image.quantization.items()}
        sampling = JpegImagePlugin.get_sampling(image)
        if image.mode == "RGB" and sampling not in (0, 1, 2):
            sampling = 0  # 4:4:0 and the like cannot be written; never with less than was there
        settings["subsampling"] = sampling
        if image.mode == "RGB" and image.info.get("adobe_transform") == 0:
            settings["keep_rgb"] = True  # stored as RGB, not as luma and chroma
        settings["progressive"] = bool(image.info.get("progressive", False))
    if kind == "PNG" and (chunks := colour_chunks(data)):
        settings["chunks"] = chunks
    if kind == "HEIF":
        settings |= heif_settings(image)
    if kind == "AVIF":
        facts = avif_facts(data)
        settings |= {"subsampling": facts.subsampling, "bits": facts.bits}
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


def _beyond_pillow() -> PhotoError:
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
    return PhotoError(
        f"too large: over {limit:,} pixels, the limit of Pillow itself; set "
        "PIL.Image.MAX_IMAGE_PIXELS = None to lift it, or shrink it first"
    )


def _damaged(error: Exception) -> PhotoError:
    """In plain words: what readers of formats say is about their own insides."""
    said = str(error).lower()
    short = isinstance(error, EOFError) or any(word in said for word in _SHORT)
    what = "it ends too early" if short else "its content cannot be read"
    return PhotoError(f"damaged: {what}; expected a whole photo; copy it again")
