"""Where live frames come from: a camera, an address, a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from faceveil.errors import ClipError, OptionError
from faceveil.types import Uint8Array
from faceveil.video.codec import clip_error, pyav


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame.

    Attributes:
        rgb: (H, W, 3) uint8.
        seconds: its time since the first one.
    """

    rgb: Uint8Array
    seconds: float


class Camera(Protocol):
    """Gives frames one after another.

    Attributes:
        rate: frames a second that it states; 0 where it states none.
        waits: True if it waits until a frame is taken, as a pipe does; False if it goes on, so that
            late frames must be dropped.
    """

    rate: float
    waits: bool

    def read(self) -> Frame | None:
        """The next frame; None at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Webcam:
    """A camera of this machine, through OpenCV.

    Args:
        device: its number, or its path such as ``/dev/video0``.

    Raises:
        ClipError: if it cannot be opened.
    """

    waits = False

    def __init__(self, device: int | str) -> None:
        self._name = device
        before = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self._capture = cv2.VideoCapture(device)
        finally:
            cv2.utils.logging.setLogLevel(before)
        if not self._capture.isOpened():
            raise ClipError(
                f"camera {device}: cannot be opened; is it plugged in, free, and allowed?"
            )
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS) or 0)
        self._start: float | None = None

    def read(self) -> Frame | None:
        """The next frame; None when the camera has gone."""
        there, bgr = self._capture.read()
        now = time.monotonic()
        self._start = now if self._start is None else self._start
        if not there:
            return None
        return Frame(np.ascontiguousarray(bgr[..., ::-1]), now - self._start)

    def close(self) -> None:
        """Let go of it."""
        self._capture.release()


class Stream:
    """A stream through PyAV: an address, a named pipe, or standard input.

    Args:
        name: of the stream, for messages; what is opened where ``file`` is None.
        file: an open file in its place.
        waits: whether it is a pipe.

    Raises:
        ClipError: if it cannot be opened, or holds no video.
    """

    def __init__(self, name: str, file: Any = None, *, waits: bool) -> None:
        self._name, self.waits = name, waits
        av = pyav()
        try:
            self._container = av.open(name if file is None else file, timeout=(10.0, 10.0))
        except (av.error.FFmpegError, ValueError) as error:
            raise clip_error(error, f"{name}: no video stream can be opened there") from error
        if not self._container.streams.video:
            raise ClipError(f"{name}: no video in it; expected a video stream")
        stream = self._container.streams.video[0]
        self.rate = float(stream.average_rate or 0)
        self._frames: Iterator[Any] = self._container.decode(stream)
        self._start: float | None = None

    def read(self) -> Frame | None:
        """The next frame; None at the end.

        Raises:
            ClipError: if the stream is damaged or broken off.
        """
        av = pyav()
        try:
            frame = next(self._frames, None)
        except av.error.EOFError:
            return None
        except av.error.FFmpegError as error:
            raise clip_error(error, f"{self._name}: broken off") from error
        if frame is None:
            return None
        now = time.monotonic() if frame.time is None or not self.waits else float(frame.time)
        self._start = now if self._start is None else self._start
        return Frame(frame.to_ndarray(format="rgb24"), now - self._start)

    def close(self) -> None:
        """Let go of it."""
        self._container.close()


def open_camera(source: str) -> Camera:
    """A camera by what the user calls it.

    Args:
        source: ``0`` for the first camera, a device such as ``/dev/video0``, an address such as
            ``rtsp://...``, a named pipe, or ``-`` for standard input.

    Raises:
        ClipError: if it cannot be opened.
        OptionError: if it is none of these.
    """
    if source.isdecimal():
        return Webcam(int(source))
    if source.startswith("/dev/video"):
        return Webcam(source)
    if source == "-":
        return Stream("standard input", sys.stdin.buffer, waits=True)
    if "://" in source:
        return Stream(source, waits=False)
    if Path(source).is_fifo():
        return Stream(source, waits=True)
    raise OptionError(
        f"--camera: got {source!r}; expected a number, /dev/video..., an address, a named pipe, or "
        "-; clips are INPUTs"
    )
