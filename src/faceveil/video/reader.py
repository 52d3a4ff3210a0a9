"""Reading a clip: checked first, then frame by frame, in order, twice if need be."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceveil.errors import ClipError
from faceveil.imaging.decode import MAX_PIXELS
from faceveil.video.picture import Picture, clip_error, display_matrix, picture_of, pyav, upright_of
from faceveil.video.times import Clock, Window

KNOWN = "expected a clip such as MP4, MOV, MKV, WebM or AVI"


def check_index(path: Path, kind: str, streams: Iterable[Any]) -> None:
    """Where the header lists where all frames lie, they must lie within the file.

    Args:
        path: the file.
        kind: FFmpeg's name of its container.
        streams: PyAV's streams whose frames count.

    Raises:
        ClipError: if the file ends too early.
    """
    if not kind.startswith("mov"):
        return
    size = path.stat().st_size
    for stream in streams:
        entries = stream.index_entries
        if len(entries) and max(e.pos + e.size for e in entries) > size:
            raise ClipError("cut off: the file ends before its last frame; get a whole copy")


def check_file(path: Path) -> None:
    """A file that is there, may be read, and holds something.

    Raises:
        ClipError: if it is not.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ClipError(f"a pipe or device, which may have no end; {KNOWN}; save it first")
        with path.open("rb") as file:
            if not file.read(1):
                raise ClipError(f"empty, 0 bytes; {KNOWN}")
    except FileNotFoundError as error:
        raise ClipError(f"no such file; {KNOWN}") from error
    except IsADirectoryError as error:
        raise ClipError("a folder; expected a file") from error
    except PermissionError as error:
        raise ClipError("no permission to read it; change its permissions") from error
    except OSError as error:
        raise ClipError(f"cannot be read: {os.strerror(error.errno or 0)}") from error


LOST = 0.5
"""Seconds by which a clip may end before the length that its header states."""


class Reader:
    """An open clip; a context manager.

    Args:
        path: the file.
        threads: threads of the decoder; 0 takes all cores.
        max_pixels: clips with more pixels a frame are refused.
        part: seconds from and to, as a player counts them; nothing else is read then, and times
            begin with it.

    Attributes:
        container: PyAV's.
        stream: the first video stream that is no cover picture.
        matrix: display matrix, known after the first frame.

    Raises:
        ClipError: if the file cannot be read, shows no moving pictures, or ends before the part.
        MissingExtraError: if PyAV is not installed.
    """

    def __init__(
        self,
        path: Path,
        threads: int = 0,
        max_pixels: int = MAX_PIXELS,
        part: tuple[float, float] | None = None,
    ) -> None:
        av = pyav()
        self.part, self._end = part, 0.0
        check_file(path)
        try:
            # The prefix, and only this protocol: a name or a playlist must not open anything else.
            self.container = av.open(
                f"file:{os.path.abspath(path)}", container_options={"protocol_whitelist": "file"}
            )
        except (av.error.FFmpegError, UnicodeError) as error:
            raise clip_error(error, f"damaged or no clip; {KNOWN}") from error
        self.matrix: tuple[int, ...] | None = None
        try:
            self.stream = self._choose(av)
            context = self.stream.codec_context
            if context.width * context.height > max_pixels:
                raise ClipError(
                    f"{context.width} x {context.height} pixels; expected at most {max_pixels}; "
                    "see --max-pixels"
                )
            check_index(path, self.container.format.name, (self.stream, *self.companions()))
            self.stream.thread_type = "AUTO"
            context.thread_count = threads
            if part is not None and 0 < self._length() <= part[0]:
                raise ClipError(
                    f"lasts {self._length():.2f} s; expected a --time that begins before that"
                )
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def _choose(self, av: Any) -> Any:
        cover = av.stream.Disposition.attached_pic
        for stream in self.container.streams.video:
            if not stream.disposition & cover and stream.codec_context is not None:
                return stream
        raise ClipError(f"no moving pictures in it; {KNOWN}")

    @property
    def frames(self) -> int:
        """How many frames there are, as far as the header tells; 0 where it does not."""
        stream, length = self.stream, self._length()
        if stream.frames and self.part is None:
            return int(stream.frames)
        if self.part is not None:
            length = max(0.0, min(length or self.part[1], self.part[1]) - self.part[0])
        rate = stream.average_rate
        return round(length * float(rate)) if rate and length < math.inf else 0

    def companions(self) -> list[Any]:
        """The streams of sound and subtitles, which are copied."""
        streams = (*self.container.streams.audio, *self.container.streams.subtitles)
        return sorted(streams, key=lambda s: s.index)

    def pictures(self, other: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """All frames from the first on, of the part if there is one.

        Args:
            other: gets the packets of the companions as they come.

        Raises:
            ClipError: if the clip is damaged, ends early, changes its size, or has no frame in the
                part.
        """
        window = Window.of(self.container, self.part)
        self._skip_to(window)
        base = self.stream.time_base
        count, shape = 0, None
        clock = Clock(self.stream, by_place=self.container.format.name == "avi")
        for frame in self._frames(window, clock, other):
            pts = clock.time_of(frame)
            size = (frame.width, frame.height)
            if shape is None:
                shape, self.matrix = size, display_matrix(frame)
            if shape != size:
                raise ClipError("changes its size midway; convert it to one size first")
            if window.holds(float(pts * base)):
                pts -= window.shift(base)
                upright = upright_of(self.matrix, *size)
                yield picture_of(frame, pts, upright, float(pts * base))
                count += 1
        if self.part is None:
            self._check_end(count)
        elif not count:
            raise ClipError("no frame in that --time; expected a part of the clip")

    def _frames(
        self, window: Window, clock: Clock, other: Callable[[Any], None] | None
    ) -> Iterator[Any]:
        """PyAV's frames up to the end of the window, and before that perhaps some."""
        stream, self._end = self.stream, 0.0
        try:
            for packet in self.container.demux([stream, *self.companions()]):
                if packet.is_corrupt:
                    raise ClipError("damaged or cut off; get a whole copy of it")
                if packet.pts is not None:
                    end = packet.pts + (packet.duration or 0)
                    self._end = max(self._end, float(end * packet.time_base))
                if packet.stream is stream:
                    if window.is_over(packet):
                        yield from stream.codec_context.decode(None)
                        return
                    clock.begin(packet)
                    yield from packet.decode()
                elif other is not None and packet.size and window.takes(packet):
                    other(packet)
        except (pyav().error.FFmpegError, EOFError) as error:
            raise clip_error(error, "damaged; get a whole copy of it") from error

    def packets(self) -> Iterator[Any]:
        """All packets of the pictures and the companions, from the first on.

        Raises:
            ClipError: if the clip is damaged.
        """
        try:
            for packet in self.container.demux([self.stream, *self.companions()]):
                if packet.size:
                    yield packet
        except pyav().error.FFmpegError as error:
            raise clip_error(error, "damaged; get a whole copy of it") from error

    def rewind(self) -> None:
        """Go back to the beginning."""
        av = pyav()
        threads, kind = self.stream.codec_context.thread_count, self.stream.thread_type
        name, options = self.container.name, {"protocol_whitelist": "file"}
        number = self.stream.index
        # Opened anew rather than sought: seeking lands on a key frame, where there is an index.
        self.container.close()
        self.container = av.open(name, container_options=options)
        self.stream = self.container.streams[number]
        self.stream.thread_type = kind
        self.stream.codec_context.thread_count = threads

    def _skip_to(self, window: Window) -> None:
        """Leave out what comes well before the part, where the file lists its key frames."""
        if window.start < 2 or not len(self.stream.index_entries):
            return
        early = int((window.start - 1) * pyav().time_base)
        self.container.seek(early)
        packet = next(self.container.demux([self.stream]))
        place = packet.pts if packet.dts is None else packet.dts
        if place is not None and packet.is_keyframe and place * packet.time_base <= window.start:
            self.container.seek(early)
            return
        self.rewind()  # the list was wrong

    def _length(self) -> float:
        """Seconds, as the header tells; 0 where it does not."""
        length = self.container.duration
        return float(Fraction(length, pyav().time_base)) if length and length > 0 else 0.0

    def _check_end(self, count: int) -> None:
        if not count:
            raise ClipError(f"damaged: not one frame in it; {KNOWN}")
        if self._end < self._length() - LOST:
            got, whole = f"{self._end:.1f}", f"{self._length():.1f}"
            raise ClipError(f"cut off after {got} of {whole} seconds; get a whole copy of it")
