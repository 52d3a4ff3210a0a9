"""HEIC and AVIF, which phones write: HEIC by pillow-heif (extra ``heif``), AVIF by Pillow."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from faceveil.errors import PhotoError, missing_extra
from faceveil.imaging.cicp import HDR, cicp_profile
from faceveil.imaging.photo import Mode, Photo

_QUALITY = 95
_PRESET = "medium"  # of x265: in half the time of its default, within 5 % of the size
_MODES: dict[str, Mode] = {
    "L;16": "L",
    "I;16": "L",
    "I;16L": "L",
    "RGB;16": "RGB",
    "RGBA;16": "RGBA",
}
_SPACE = ("color_primaries", "transfer_characteristics", "matrix_coefficients", "full_range_flag")
_FACTS = 1 << 16  # bytes of an AVIF file in which its boxes are looked for


@dataclass(frozen=True, slots=True)
class AvifFacts:
    """What Pillow does not tell of an AVIF file.

    Attributes:
        bits: of a channel: 8, 10 or 12.
        subsampling: ``4:4:4``, ``4:2:2``, ``4:2:0`` or ``4:0:0`` for grey.
        space: colour primaries and transfer characteristics, where the file states them.
        gain_map: whether it holds one.
    """

    bits: int
    subsampling: str
    space: tuple[int, int] | None
    gain_map: bool


def open_heif(source: io.BytesIO) -> ImageFile.ImageFile:
    """Open a HEIC file as Pillow opens others; its pixels will be upright.

    Raises:
        PhotoError: if pillow-heif is not there.
    """
    image: ImageFile.ImageFile = _library().HeifImageFile(source)
    return image


def heif_bits(image: ImageFile.ImageFile) -> int:
    """Bits of a channel of an opened HEIC file."""
    return int(image.info.get("bit_depth", 8))


def heif_settings(image: ImageFile.ImageFile) -> dict[str, Any]:
    """What is needed to write a HEIC file as it was."""
    kept = ("bit_depth", "chroma", "nclx_profile", "content_light_level")
    return {name: image.info[name] for name in kept if image.info.get(name)}


def heif_space(image: ImageFile.ImageFile) -> bytes | None:
    """The ICC profile of the colour space that a HEIC file states by numbers."""
    stated = image.info.get("nclx_profile")
    return stated and cicp_profile(int(stated[_SPACE[0]]), int(stated[_SPACE[1]]))


def heif_others(image: ImageFile.ImageFile) -> list[str]:
    """Names of the other pictures in a HEIC file."""
    kinds = [str(kind).lower() for kind in image.info.get("aux", {})]
    found = ["gain map"] if any("gainmap" in kind for kind in kinds) else []
    if any("matte" in kind or "segmentation" in kind for kind in kinds):
        found.append("matte")
    return [*found, *(["depth map"] if image.info.get("depth_images") else [])]


def deep_heif(data: bytes) -> tuple[NDArray[np.uint16], Mode]:
    """The pixels of a HEIC file of 10 or 12 bits, on the scale of 16.

    Raises:
        PhotoError: if its channels are of a kind that is not supported.
    """
    library = _library()
    file = library.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=True)
    picture = file[file.primary_index]
    if picture.mode not in _MODES:
        raise PhotoError(
            f"HEIC with channels {picture.mode}: not supported; expected grey, RGB or RGBA"
        )
    return np.asarray(picture).astype(np.uint16), _MODES[picture.mode]


def encode_heif(photo: Photo, metadata: dict[str, bytes]) -> bytes:
    """A photo as HEIC, in its own depth, subsampling and colour space.

    Args:
        photo: what to write.
        metadata: what is kept of its own.
    """
    settings, buffer = photo.settings, io.BytesIO()
    deep = photo.pixels.dtype == np.uint16
    height, width = photo.pixels.shape[:2]
    pixels = np.ascontiguousarray(photo.pixels)
    options: dict[str, Any] = dict(metadata)
    options["chroma"] = settings.get("chroma", 444)
    if deep:
        options["bit_depth"] = settings.get("bit_depth", 10)
    for name in ("nclx_profile", "content_light_level"):
        if name in settings:
            options[name] = settings[name]
    stated = settings.get("nclx_profile")
    if stated:
        options |= {name: stated[name] for name in _SPACE}
    _library().encode(
        f"{photo.mode};16" if deep else photo.mode,
        (width, height),
        pixels.tobytes(),
        buffer,
        quality=_QUALITY,
        enc_params={"preset": _PRESET},
        **options,
    )
    return buffer.getvalue()


def avif_facts(data: bytes) -> AvifFacts:
    """What Pillow does not tell of an AVIF file.

    Raises:
        PhotoError: if it is an HDR picture.
    """
    head = data[:_FACTS]
    at = head.find(b"av1C")
    flags = head[at + 6] if 0 <= at < len(head) - 6 else 0
    bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    half = {0: "4:4:4", 0x08: "4:2:2", 0x0C: "4:2:0"}.get(flags & 0x0C, "4:4:4")
    at = head.find(b"colrnclx")
    stated = None
    if 0 <= at < len(head) - 12:
        stated = int.from_bytes(head[at + 8 : at + 10]), int.from_bytes(head[at + 10 : at + 12])
    if stated and stated[1] in HDR:
        raise PhotoError(
            "an HDR picture (PQ or HLG) in AVIF is not supported; save it as one of standard range"
        )
    return AvifFacts(bits, "4:0:0" if flags & 0x10 else half, stated, b"tmap" in head)


def _library() -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError(str(missing_extra("HEIC", error, "heif"))) from error
    return pillow_heif
