"""The ends of a live stream: a camera, an address or a pipe in; a file or a pipe out."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import cv2
import numpy as np

from faceveil.errors import ClipError, OptionError
from faceveil.imaging.encode import placed
from faceveil.types import Uint8Array
from faceveil.video.container import ENCODERS, container_of, encodable
from faceveil.video.picture import clip_error, pyav


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


RECORDINGS = (".mkv", ".mp4", ".m4v", ".mov", ".ts", ".m2ts")
"""Endings of files that take H.264 with a time for each frame."""

DEFAULT_RATE = 25.0
_MILLISECONDS = Fraction(1, 1000)


class Sink(Protocol):
    """Takes frames one after another."""

    def add(self, frame: Frame) -> None:
        """Take the next one."""
        ...


class Pipe:
    """YUV4MPEG2: a header, then each frame's planes. It has no times: who reads takes its clock.

    Args:
        file: where to write.
        rate: frames a second that the header states.
    """

    def __init__(self, file: BinaryIO, rate: float) -> None:
        self._file = file
        self._rate = Fraction(rate or DEFAULT_RATE).limit_denominator(1001)
        self._size: tuple[int, int] | None = None

    def add(self, frame: Frame) -> None:
        """Write a frame, and hand it over at once."""
        rgb = _even(frame.rgb)
        height, width = rgb.shape[:2]
        if self._size is None:
            self._size = width, height
            rate = f"{self._rate.numerator}:{self._rate.denominator}"
            head = f"YUV4MPEG2 W{width} H{height} F{rate} Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n"
            self._file.write(head.encode())
        _same_size(self._size, (width, height))
        self._file.write(b"FRAME\n")
        self._file.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).tobytes())
        self._file.flush()


class Recording:
    """H.264 in a container, each frame at the time at which it came.

    Args:
        container: PyAV's output container.
    """

    def __init__(self, container: Any) -> None:
        self._container = container
        if "h264" not in encodable():
            raise ClipError("H.264 cannot be written here; reinstall av")
        self._name, options = ENCODERS["h264"]
        self._options = {**options, "crf": "20", "preset": "veryfast"}
        self._stream: Any = None
        self._last = -1
        self._size = (0, 0)

    def add(self, frame: Frame) -> None:
        """Encode a frame."""
        rgb = _even(frame.rgb)
        height, width = rgb.shape[:2]
        if self._stream is None:
            self._size = width, height
            rate = Fraction(30)  # a hint: the frames' times count
            self._stream = self._container.add_stream(self._name, rate=rate, options=self._options)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = _MILLISECONDS
            self._stream.codec_context.max_b_frames = 0
        _same_size(self._size, (width, height))
        new = pyav().VideoFrame.from_ndarray(rgb, format="rgb24")
        self._last = max(round(frame.seconds * 1000), self._last + 1)
        new.pts, new.time_base = self._last, _MILLISECONDS
        self._container.mux(self._stream.encode(new))

    def finish(self) -> None:
        """Encode what is left, and end the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()


@contextlib.contextmanager
def open_sink(output: str, rate: float, *, overwrite: bool = False) -> Iterator[Sink]:
    """A place for frames, whole when the block is done.

    Args:
        output: a file, or ``-`` for standard output.
        rate: frames a second to be stated where there are no times.
        overwrite: replace a file that is already there.

    Raises:
        OptionError: if the file is already there, or its ending is unknown.
        ClipError: if it cannot be encoded.
        OutputError: if it cannot be written.
    """
    if output == "-":
        yield Pipe(sys.stdout.buffer, rate)
        return
    path = Path(output)
    if path.exists() and not overwrite:
        raise OptionError(
            f"--output {path}: already there; choose another, or --existing overwrite"
        )
    if path.suffix.lower() not in RECORDINGS:
        raise OptionError(
            f"--output {path}: expected a file that ends in {', '.join(RECORDINGS)}, or - (a pipe)"
        )
    av = pyav()
    with placed(path, overwrite=overwrite) as temporary:
        container = av.open(f"file:{temporary.absolute()}", "w", format=container_of(path.suffix))
        try:
            recording = Recording(container)
            yield recording
            recording.finish()
        except av.error.FFmpegError as error:
            raise clip_error(error, f"{path}: cannot be written") from error
        finally:
            with contextlib.suppress(av.error.FFmpegError):
                container.close()


def _even(rgb: Uint8Array) -> Uint8Array:
    """Without the last column or row of an odd number: chroma is shared by two by two pixels."""
    height, width = rgb.shape[:2]
    return rgb[: height // 2 * 2, : width // 2 * 2]


def _same_size(before: tuple[int, int], now: tuple[int, int]) -> None:
    if before != now:
        was, is_now = (f"{w} x {h}" for w, h in (before, now))
        raise ClipError(f"frames changed from {was} to {is_now} pixels; start it again")
