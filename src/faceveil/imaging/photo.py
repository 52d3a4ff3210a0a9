"""A decoded photo: its own pixels, and what is needed to write it back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import PhotoError
from faceveil.imaging.colour import ColourSpace, colour_space
from faceveil.types import Float32Array, Uint8Array

Mode = Literal["L", "LA", "RGB", "RGBA", "CMYK"]
_STRIPE = 1_000_000  # pixels
CHANNELS: dict[str, int] = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo in memory.

    Attributes:
        pixels: (H, W) for mode L, else (H, W, C); uint8 or uint16; upright.
        mode: meaning of the channels. Palette photos become RGB or RGBA, bilevel ones L.
        format: one of :data:`.formats.FORMATS`.
        settings: what the encoder needs to write the file as it was: quantisation tables,
            subsampling, compression, resolution, PNG's chunks of colour.
        metadata: ``exif``, ``icc_profile`` and ``xmp`` bytes, where the file has them and they may
            be kept (:mod:`.metadata`); the EXIF orientation is reset, since the pixels are upright.
        withheld: names of the metadata that are never kept, such as ``EXIF MakerNote``.
        spare: nobody else needs the pixels: they may be written over instead of copied.
        dropped: other pictures that the file held, such as ``gain map``: they are never kept.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    mode: Mode
    format: str = "PNG"
    settings: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, bytes] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    spare: bool = False
    dropped: tuple[str, ...] = ()


def from_rgb(rgb: Uint8Array) -> Photo:
    """A photo from an (H, W, 3) RGB or (H, W) grey uint8 array.

    Raises:
        PhotoError: if the array is of another shape or type, or empty.
    """
    good = isinstance(rgb, np.ndarray) and rgb.dtype == np.uint8 and rgb.size > 0
    if not good or not (rgb.ndim == 2 or (rgb.ndim == 3 and rgb.shape[2] == 3)):
        got = f"{getattr(rgb, 'dtype', type(rgb).__name__)} {getattr(rgb, 'shape', '')}"
        raise PhotoError(f"photo: got {got}; expected uint8 of shape (H, W, 3) RGB or (H, W) grey")
    return Photo(rgb, "L" if rgb.ndim == 2 else "RGB")


def as_rgb(photo: Photo) -> Uint8Array:
    """The photo as software sees it: (H, W, 3) uint8 sRGB, alpha ignored."""
    pixels, space = photo.pixels, _space_of(photo)
    if space is None and photo.mode == "RGB" and pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    out = np.empty((*pixels.shape[:2], 3), np.uint8)
    for rows in _stripes(len(out), out.shape[1]):
        out[rows] = _stripe_as_rgb(pixels[rows], photo.mode, space)
    return out


def own_change(photo: Photo, crop: Uint8Array, change: Float32Array) -> Float32Array:
    """A change of what :func:`as_rgb` shows as a change of the photo's own pixels.

    Args:
        photo: the photo.
        crop: (S, S, 3) uint8, cut out of what it shows.
        change: (S, S) or (S, S, 3) in [-1, 1], in units of full scale.

    Returns:
        The change itself where the photo is sRGB.
    """
    space = _space_of(photo)
    return change if space is None else space.own_change(crop, change)


def _space_of(photo: Photo) -> ColourSpace | None:
    return colour_space(photo.metadata.get("icc_profile"), photo.mode)


def swap_red_blue(pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """RGB to BGR and back, with or without alpha, in the same memory: (H, W, 3 or 4)."""
    for rows in _stripes(len(pixels), pixels.shape[1]):
        pixels[rows, :, :3] = pixels[rows, :, 2::-1].copy()
    return pixels


def _stripe_as_rgb(
    pixels: NDArray[Any], mode: Mode, space: ColourSpace | None
) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if space is not None:
        alpha = mode in ("LA", "RGBA")
        colours = pixels[..., :-1] if alpha else pixels
        return space.to_srgb(colours[..., 0] if mode == "LA" else colours)
    if mode == "L":
        return np.asarray(pixels[..., None], np.uint8)  # one channel for all three
    if mode == "LA":
        return np.asarray(pixels[..., :1], np.uint8)
    if mode == "CMYK":
        light = 255 - pixels[..., :3].astype(np.uint16)
        black = 255 - pixels[..., 3:].astype(np.uint16)
        return ((light * black + 127) // 255).astype(np.uint8)
    return np.asarray(pixels[..., :3], np.uint8)


def _stripes(height: int, width: int) -> Iterator[slice]:
    """Rows to work on at a time: what lies between is small beside the photo itself."""
    step = max(1, _STRIPE // max(width, 1))
    for start in range(0, height, step):
        yield slice(start, start + step)
