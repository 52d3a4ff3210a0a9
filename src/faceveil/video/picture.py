"""A frame as it is stored: planes that are changed only where a face is; from PyAV and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import ClipError, missing_extra
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


_PLANAR = re.compile(r"yuva?4\d\dp(9|1\d)?(le)?|yuvj4\d\dp|gray(9le|1\dle)?")
"""Names of the pixel formats whose planes are changed as they are."""

_ALIKE = {"nv12": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "p010le": "yuv420p10le"}
"""Formats with the same samples in another order."""

_BT709, _BT601, _BT2020 = (0.2126, 0.0722), (0.299, 0.114), (0.2627, 0.0593)
_WEIGHTS = {1: _BT709, 4: _BT601, 5: _BT601, 6: _BT601, 9: _BT2020, 10: _BT2020}
"""Weights of red and blue in luma by FFmpeg's number of the colour space."""

_JPEG_RANGE = 2


@dataclass(frozen=True, slots=True)
class Tag:
    """What a frame needs besides its samples.

    Attributes:
        pts: its time in units of the stream.
        duration: how long it is shown, in the same; 0 where unknown.
        format: name of its pixel format.
        space: FFmpeg's number of the colour space.
        range: FFmpeg's number of the colour range.
    """

    pts: int
    duration: int
    format: str
    space: int
    range: int


def pyav() -> Any:
    """PyAV's module.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise missing_extra("clips", error, "video") from error
    return av


def picture_of(frame: Any, pts: int, upright: Float64Array, seconds: float) -> Picture:
    """A frame of PyAV as arrays of our own: decoders use theirs again.

    Args:
        frame: ``av.VideoFrame``.
        pts: its time in units of the stream.
        upright: (2, 3) map from stored to shown pixels.
        seconds: its time.
    """
    name = frame.format.name
    if not _PLANAR.fullmatch(name):
        name = _ALIKE.get(name, "yuv444p")
        frame = frame.reformat(format=name)
    space, limits = int(frame.colorspace), int(frame.color_range)
    full = limits == _JPEG_RANGE or name.startswith(("yuvj", "gray"))
    unspecified = _BT709 if frame.height >= 720 else _BT601
    kr, kb = _WEIGHTS.get(space, unspecified)
    bits = int(frame.format.components[0].bits)
    planes = tuple(_view(frame, i, bits).copy() for i in range(len(frame.format.components)))
    tag = Tag(pts, int(frame.duration or 0), name, space, limits)
    return Picture(planes, _rgb(frame, kr), bits, full, kr, kb, seconds, upright, tag)


def frame_of(picture: Picture, time_base: Any, accepted: str) -> Any:
    """A picture as a frame of PyAV.

    Args:
        picture: with a :class:`Tag`.
        time_base: of the stream.
        accepted: the pixel format that the encoder takes.
    """
    tag = picture.tag
    height, width = picture.planes[0].shape
    frame = pyav().VideoFrame(width, height, tag.format)
    for i, plane in enumerate(picture.planes):
        _view(frame, i, picture.bits)[...] = plane
    frame.colorspace, frame.color_range = tag.space, tag.range
    if accepted != tag.format:
        frame = frame.reformat(format=accepted)
    frame.pts, frame.time_base = tag.pts, time_base
    if tag.duration:
        frame.duration = tag.duration
    return frame


def display_matrix(frame: Any) -> tuple[int, ...] | None:
    """The nine integers by which a frame shall be turned when it is shown; None where none."""
    for side in frame.side_data:
        found = frame.side_data[side] if not hasattr(side, "type") else side
        if found.type.name == "DISPLAYMATRIX":
            return tuple(np.frombuffer(found, np.int32).tolist())
    return None


def upright_of(matrix: tuple[int, ...] | None, width: int, height: int) -> Float64Array:
    """The (2, 3) map from stored to shown pixels of a clip with that display matrix."""
    return UPRIGHT if matrix is None else upright_map(matrix, width, height)


def _rgb(frame: Any, kr: float) -> Uint8Array:
    from_space = {_BT709[0]: 1, _BT601[0]: 5, _BT2020[0]: 9}[kr]
    done = frame.reformat(format="rgb24", src_colorspace=from_space, dst_color_range=_JPEG_RANGE)
    rgb: Uint8Array = done.to_ndarray()
    return rgb


def _view(frame: Any, number: int, bits: int) -> Plane:
    """One plane's samples, without the padding of its lines: (h, w)."""
    plane, part = frame.planes[number], frame.format.components[number]
    kind: Any = np.uint8 if bits == 8 else np.dtype("<u2")
    flat: NDArray[Any] = np.frombuffer(plane, kind)
    lines = flat.reshape(-1, plane.line_size // flat.itemsize)
    return lines[: part.height, : part.width]


def clip_error(error: Exception, what: str) -> ClipError:
    """One line from FFmpeg's error."""
    reason = str(getattr(error, "strerror", "") or error).splitlines()[0]
    return ClipError(f"{what} ({reason})")
