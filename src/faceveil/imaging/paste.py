"""Putting a protected crop back: its change, feathered, at the photo's own resolution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

from faceveil.imaging.crop import LUMA, region
from faceveil.imaging.geometry import CROP_SIZE, compose, invert
from faceveil.imaging.photo import Mode, Photo
from faceveil.types import Float32Array, Float64Array

FEATHER = 28
"""Width of the mask's ramp in pixels of the canonical crop: an eighth of its side."""

_PIECE = 1 << 15  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A change in a rectangle of a photo.

    Attributes:
        x: left border in pixels of the photo.
        y: top border.
        change: in units of full scale, -1 to 1, float32: (h, w), the same for all colours (a change
            of luma), or (h, w, 3) of R, G and B.
    """

    x: int
    y: int
    change: Float32Array


@cache
def feather_mask(size: int = CROP_SIZE, ramp: int = FEATHER) -> Float32Array:
    """(size, size) float32: 0 on the border, rising as a smoothstep to 1 inside.

    Args:
        size: side in pixels.
        ramp: width of the rise in pixels.
    """
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) / ramp
    t = np.clip(distance, 0, 1)
    edge = (t * t * (3 - 2 * t)).astype(np.float32)
    mask = np.outer(edge, edge)
    mask.setflags(write=False)
    return mask


def crop_patch(change: Float32Array, matrix: Float64Array, shape: tuple[int, ...]) -> Patch:
    """Bring a crop's change to the photo, feathered.

    Args:
        change: (S, S) or (S, S, 3) float32 in [-1, 1], in the canonical frame.
        matrix: (2, 3) map from the photo to the crop.
        shape: (H, W, ...) of the photo.

    Returns:
        The patch, clipped to the photo. Outside the crop the change is exactly 0.
    """
    size = change.shape[0]
    x0, y0, x1, y1 = region(invert(matrix), size, shape)
    local = compose(matrix, np.array([[1.0, 0, x0], [0, 1, y0]]))
    mask = feather_mask(size) if change.ndim == 2 else feather_mask(size)[..., None]
    masked = change * mask
    scale = float(np.sqrt(abs(np.linalg.det(local[:, :2]))))
    if scale > 1.25:
        # Crop pixels per photo pixel: a face smaller than the crop, so low-pass before sampling.
        blurred = cv2.GaussianBlur(masked, (0, 0), 0.5 * scale, borderType=cv2.BORDER_CONSTANT)
        masked = np.asarray(blurred, np.float32) * (mask > 0)
    warped = cv2.warpAffine(
        masked,
        local,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return Patch(x0, y0, np.asarray(warped, np.float32))


def apply_patches(photo: Photo, patches: Iterable[Patch]) -> Photo:
    """The photo with the patches' changes added.

    A change of luma is added to R, G and B alike (so Cb and Cr stay) and to grey as it is; of a
    change of colours grey gets the luma. For CMYK the inks C, M and Y change so that the RGB
    rendition moves by that amount. Pixels whose change rounds to 0 stay bit-identical; alpha is
    never touched. Near black and white the sum saturates.

    Args:
        photo: any mode and depth; its pixels are written over if they are spare.
        patches: changes, which add up where they overlap.
    """
    own = photo.spare and photo.pixels.flags.writeable
    pixels = photo.pixels if own else photo.pixels.copy()
    for patch in patches:
        for piece in _pieces(patch):
            _apply(piece, pixels, photo.mode)
    return replace(photo, pixels=pixels)


def _pieces(patch: Patch) -> Iterator[Patch]:
    """The patch in stripes that fit into the processor's cache, whatever the face's size."""
    step = max(1, _PIECE // max(patch.change.shape[1], 1))
    for row in range(0, len(patch.change), step):
        yield Patch(patch.x, patch.y + row, patch.change[row : row + step])


def _apply(patch: Patch, pixels: np.ndarray, mode: Mode) -> None:
    """Add a patch to pixels of that mode, in place."""
    top = np.iinfo(pixels.dtype).max
    h, w = patch.change.shape[:2]
    part = pixels[patch.y : patch.y + h, patch.x : patch.x + w]
    amount: Float32Array = (patch.change * float(top)).astype(np.float32)
    if amount.ndim == 3 and mode in ("L", "LA"):
        amount = amount @ LUMA
    elif amount.ndim == 2 and mode not in ("L", "LA"):
        amount = amount[..., None]
    if mode == "L":
        part[...] = _added(part, amount, top)
    elif mode == "LA":
        part[..., 0] = _added(part[..., 0], amount, top)
    elif mode == "CMYK":
        # RGB = (top - ink) (top - K) / top, so an ink moves by -amount * top / (top - K).
        light = np.maximum(top - part[..., 3].astype(np.float32), 1)
        ink = (-amount * float(top) / light[..., None]).astype(np.float32)
        part[..., :3] = _added(part[..., :3], ink, top)
    else:
        part[..., :3] = _added(part[..., :3], amount, top)


def _added(values: np.ndarray, amount: Float32Array, top: int) -> np.ndarray:
    # The amount is rounded, not the sum, so that all channels move by the very same step.
    total = values.astype(np.int32) + np.rint(amount).astype(np.int32)
    return np.clip(total, 0, top).astype(values.dtype)
