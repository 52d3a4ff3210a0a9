"""A frame as it is stored: planes of luma and chroma, which are changed only where a face is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.imaging.crop import LUMA
from faceveil.imaging.paste import Patch
from faceveil.types import Float32Array, Float64Array, Uint8Array

Plane = NDArray[np.uint8] | NDArray[np.uint16]

UPRIGHT: Float64Array = np.array([[1.0, 0, 0], [0, 1, 0]])
"""The map of a clip that is stored as it is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame.

    Attributes:
        planes: Y, or Y, Cb, Cr, or these and alpha: (h, w) uint8 or uint16 each; chroma may be
            smaller by whole factors, rounded up.
        rgb: (H, W, 3) uint8, the same picture, as stored (not turned).
        bits: of each sample, 8 to 16.
        full_range: samples use all values; else luma has 219 steps of 255 and chroma 224.
        kr: weight of red in luma: 0.299 for BT.601, 0.2126 for BT.709.
        kb: weight of blue in luma.
        seconds: its time.
        upright: (2, 3) map from stored to shown pixels, a quarter turn or mirroring.
        tag: whatever the codec wants back.
    """

    planes: tuple[Plane, ...]
    rgb: Uint8Array
    bits: int = 8
    full_range: bool = False
    kr: float = float(LUMA[0])
    kb: float = float(LUMA[2])
    seconds: float = 0.0
    upright: Float64Array = field(default_factory=UPRIGHT.copy)
    tag: Any = None

    def shown(self) -> Uint8Array:
        """The picture as it is shown, (H, W, 3) RGB upright."""
        linear = np.rint(self.upright[:, :2]).astype(int)
        turned = self.rgb
        if linear[0, 0] == 0:  # x of what is shown is y of what is stored
            turned = turned.swapaxes(0, 1)
        flip = (linear.sum(axis=1) < 0).tolist()  # of x and y
        return np.ascontiguousarray(turned[:: -1 if flip[1] else 1, :: -1 if flip[0] else 1])


def upright_map(matrix: Iterable[int], width: int, height: int) -> Float64Array:
    """The map from stored to shown pixels.

    Args:
        matrix: the nine integers of a display matrix, row by row; its turn is taken to the nearest
            quarter, since cameras write no other.
        width: of the stored picture in pixels.
        height: of the stored picture.

    Returns:
        (2, 3), such that the shown picture begins at (0, 0).
    """
    a, b, _, c, d, *_ = matrix
    if a * a + d * d >= b * b + c * c:
        linear = np.array([[-1.0 if a < 0 else 1.0, 0], [0, -1.0 if d < 0 else 1.0]])
    else:
        linear = np.array([[0, -1.0 if c < 0 else 1.0], [-1.0 if b < 0 else 1.0, 0]])
    far = linear @ np.array([width - 1.0, height - 1.0])
    return np.column_stack([linear, np.maximum(-far, 0)])


def apply_to_planes(picture: Picture, patches: Iterable[Patch]) -> Picture:
    """The picture with the patches' changes added.

    A change of luma touches the luma plane only. Samples whose change rounds to 0 stay
    bit-identical; alpha is never touched. Near black and white the sum saturates.

    Args:
        picture: the frame; it is not changed itself.
        patches: changes in pixels of the stored frame, which add up where they overlap.
    """
    planes = [plane.copy() for plane in picture.planes]
    unit = float(1 << (picture.bits - 8))
    top = float((1 << picture.bits) - 1)
    luma_span, chroma_span = (top, top) if picture.full_range else (219 * unit, 224 * unit)
    for patch in patches:
        change = patch.change
        if change.ndim == 2:
            _add(planes[0], change * np.float32(luma_span), patch.x, patch.y, top)
            continue
        weights = np.array([picture.kr, 1 - picture.kr - picture.kb, picture.kb], np.float32)
        y = change @ weights
        _add(planes[0], y * np.float32(luma_span), patch.x, patch.y, top)
        if len(planes) < 3:
            continue
        blue = (change[..., 2] - y) * np.float32(chroma_span / (2 * (1 - picture.kb)))
        red = (change[..., 0] - y) * np.float32(chroma_span / (2 * (1 - picture.kr)))
        for plane, amount in ((planes[1], blue), (planes[2], red)):
            _add_small(plane, amount, patch, picture.planes[0].shape, top)
    return replace(picture, planes=tuple(planes))


def _add(plane: Plane, amount: Float32Array, x: int, y: int, top: float) -> None:
    h, w = amount.shape
    part = plane[y : y + h, x : x + w]
    total = part.astype(np.int32) + np.rint(amount[: part.shape[0], : part.shape[1]])
    part[...] = np.clip(total, 0, top).astype(plane.dtype)


def _add_small(
    plane: Plane, amount: Float32Array, patch: Patch, shape: tuple[int, ...], top: float
) -> None:
    """Add to a chroma plane: the mean over the pixels that share a sample."""
    sx, sy = (round(full / own) for full, own in zip(shape[::-1], plane.shape[::-1], strict=True))
    left, above = patch.x % sx, patch.y % sy
    h, w = amount.shape
    padding = ((above, -(above + h) % sy), (left, -(left + w) % sx))
    padded = np.pad(amount, padding)
    size = (padded.shape[1] // sx, padded.shape[0] // sy)
    small = np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)
    _add(plane, small, patch.x // sx, patch.y // sy, top)
