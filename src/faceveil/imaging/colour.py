"""Colour: software sees a photo as sRGB, and its changes go back into the photo's own space.

Matchers, classifiers and detectors were made on sRGB, so a photo of another colour space is
converted for them. Its own pixels are not: the change alone is brought into its space, and what did
not change stays as it was, bit for bit.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from PIL import Image, ImageCms

from faceveil.imaging.crop import LUMA
from faceveil.types import Float32Array, Uint8Array

_KINDS = {"RGB ": ("RGB", 3), "GRAY": ("L", 1), "CMYK": ("CMYK", 4)}
_MODES = {"L": "GRAY", "LA": "GRAY", "RGB": "RGB ", "RGBA": "RGB ", "CMYK": "CMYK"}
_SAME = 2.0  # levels of 255: the many profiles of sRGB differ by no more
_NODES = 33  # of each axis of the table
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.HIGHRESPRECALC


@dataclass(frozen=True, eq=False)
class ColourSpace:
    """A colour space that is not sRGB, as an ICC profile states it.

    Attributes:
        profile: the ICC profile.
        mode: Pillow's name of its colours: ``RGB``, ``L`` or ``CMYK``.
    """

    profile: bytes
    mode: str

    @cached_property
    def _forward(self) -> ImageCms.ImageCmsTransform:
        return ImageCms.buildTransform(
            _opened(self.profile), ImageCms.createProfile("sRGB"), self.mode, "RGB", _INTENT, _FLAGS
        )

    def to_srgb(self, pixels: Uint8Array) -> Uint8Array:
        """Pixels as sRGB.

        Args:
            pixels: (H, W) for mode L, else (H, W, C), without alpha.

        Returns:
            (H, W, 3) uint8.
        """
        height, width = pixels.shape[:2]
        raw = np.ascontiguousarray(pixels)
        image = Image.frombuffer(self.mode, (width, height), raw, "raw", self.mode, 0, 1)
        return np.asarray(ImageCms.applyTransform(image, self._forward), np.uint8)

    def own_change(self, crop: Uint8Array, change: Float32Array) -> Float32Array:
        """A change of sRGB colours as one of this space's own numbers.

        Args:
            crop: (H, W, 3) uint8 sRGB: the colours that change.
            change: (H, W) or (H, W, 3) in [-1, 1], in units of full scale.

        Returns:
            The change of this space: (H, W) for grey, (H, W, 3) for RGB. For inks it is the change
            itself: how far each moves is decided where it is added.
        """
        if self.mode == "CMYK":
            return change
        before = (crop / np.float32(255)).astype(np.float32)
        after = np.clip(before + (change if change.ndim == 3 else change[..., None]), 0, 1)
        return np.asarray(self._back(after) - self._back(before), np.float32)

    def _back(self, srgb: Float32Array) -> Float32Array:
        """SRGB in [0, 1] as this space's numbers in [0, 1], without steps."""
        if self.mode == "L":
            levels, shades = self._greys
            return np.asarray(np.interp(srgb @ LUMA, levels, shades), np.float32)
        return _interpolated(self._table, srgb)

    @cached_property
    def _table(self) -> Float32Array:
        """This space's numbers at evenly spaced sRGB colours: (N, N, N, 3)."""
        axis = np.rint(np.linspace(0, 255, _NODES)).astype(np.uint8)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
        image = Image.fromarray(grid.reshape(_NODES, -1, 3))
        try:
            back = ImageCms.buildTransform(
                ImageCms.createProfile("sRGB"),
                _opened(self.profile),
                "RGB",
                self.mode,
                _INTENT,
                _FLAGS,
            )
            found = np.asarray(ImageCms.applyTransform(image, back))
        except ImageCms.PyCMSError:  # a profile for reading only, as some scanners have
            found = np.asarray(image)
        return (found.reshape(grid.shape) / np.float32(255)).astype(np.float32)

    @cached_property
    def _greys(self) -> tuple[Float32Array, Float32Array]:
        """Rising sRGB levels of this space's shades, and the shades, both in [0, 1]."""
        shades = np.arange(256, dtype=np.uint8)[None]
        levels = np.maximum.accumulate(self.to_srgb(shades)[0, :, 1].astype(np.float32))
        # Of shades with one level the middle: a table that does not rise has no inverse.
        unique, first, count = np.unique(levels, return_index=True, return_counts=True)
        middle = (first + (count - 1) / 2).astype(np.float32)
        return (unique / 255).astype(np.float32), (middle / 255).astype(np.float32)


@lru_cache(maxsize=32)
def colour_space(profile: bytes | None, mode: str) -> ColourSpace | None:
    """The colour space of a photo.

    Args:
        profile: its ICC profile, if it has one.
        mode: meaning of its channels.

    Returns:
        None where it is sRGB, or nothing says what it is: no profile, one that is damaged, or one
        for other channels, which viewers pass over as well.
    """
    if not profile:
        return None
    try:
        kind = _opened(profile).profile.xcolor_space
        if _MODES[mode] != kind:
            return None
        space = ColourSpace(profile, _KINDS[kind][0])
        return None if _is_srgb(space) else space
    except (ImageCms.PyCMSError, OSError, ValueError, KeyError):
        return None


def _is_srgb(space: ColourSpace) -> bool:
    if space.mode == "CMYK":
        return False
    axis = np.arange(0, 256, 17, dtype=np.uint8)
    if space.mode == "L":
        probe = axis[None]
        wanted = np.repeat(probe[..., None], 3, axis=-1)
    else:
        wanted = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(1, -1, 3)
        probe = wanted
    difference = np.abs(space.to_srgb(probe).astype(np.int16) - wanted)
    return bool(difference.max() <= _SAME)


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _interpolated(table: Float32Array, at: Float32Array) -> Float32Array:
    """Values of an (N, N, N, C) table between its nodes, linear in each axis.

    Args:
        table: values at evenly spaced points of the unit cube.
        at: (..., 3) in [0, 1].
    """
    top = len(table) - 1
    place = at * np.float32(top)
    low = np.minimum(place.astype(np.intp), top - 1)
    share = place - low
    total: Float32Array = np.zeros((*at.shape[:-1], table.shape[-1]), np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(np.array(corner, bool), share, 1 - share).prod(axis=-1, keepdims=True)
        index = low + np.array(corner)
        total += weight * table[index[..., 0], index[..., 1], index[..., 2]]
    return total
