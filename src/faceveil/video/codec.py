"""PyAV, loaded when the first clip comes; and frames between its planes and arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import ClipError, missing_extra
from faceveil.types import Float64Array, Uint8Array
from faceveil.video.picture import UPRIGHT, Picture, Plane, upright_map

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
