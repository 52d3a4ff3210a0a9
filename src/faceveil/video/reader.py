"""Reading a clip: frame by frame, in order, twice if need be."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceveil.errors import ClipError, OptionError
from faceveil.imaging.decode import MAX_PIXELS
from faceveil.video.checks import KNOWN, check_file, check_index
from faceveil.video.codec import clip_error, display_matrix, picture_of, pyav, upright_of
from faceveil.video.picture import Picture

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
        window = _Window.of(self.container, self.part)
        self._skip_to(window)
        base = self.stream.time_base
        count, shape = 0, None
        clock = _Clock(self.stream, by_place=self.container.format.name == "avi")
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
        self, window: _Window, clock: _Clock, other: Callable[[Any], None] | None
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

    def _skip_to(self, window: _Window) -> None:
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


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of a clip that is read.

    Attributes:
        start: seconds of its beginning as the file counts them; 0 where all is read.
        end: of its end.
    """

    start: float = 0.0
    end: float = math.inf

    @classmethod
    def of(cls, container: Any, part: tuple[float, float] | None) -> _Window:
        """The part of a clip whose first time need not be 0."""
        if part is None:
            return cls(-math.inf)
        zero = (container.start_time or 0) / pyav().time_base
        return cls(part[0] + zero, part[1] + zero)

    def holds(self, seconds: float) -> bool:
        """Whether a time is in it, to half a millisecond."""
        return self.start - 5e-4 <= seconds < self.end - 5e-4

    def shift(self, base: Fraction) -> int:
        """Units of a stream by which its times move."""
        return round(Fraction(self.start) / base) if self.start > -math.inf else 0

    def takes(self, packet: Any) -> bool:
        """Whether a packet that is copied is in it; then its times are moved."""
        if packet.pts is None or not self.holds(float(packet.pts * packet.time_base)):
            return self.start == -math.inf
        shift = self.shift(packet.time_base)
        packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        return True

    def is_over(self, packet: Any) -> bool:
        """Whether nothing of it comes after a packet: sound may lie a second behind its picture."""
        return packet.dts is not None and float(packet.dts * packet.time_base) > self.end + 1


_TIME = r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)"


def parse_part(text: str) -> tuple[float, float]:
    """Seconds of a part such as ``00:10-00:25``, ``1:02:03.5-``, ``-90`` or ``10-25``.

    Raises:
        OptionError: if it is no part: of another form, or its end is not after its beginning.
    """
    found = re.fullmatch(f"(?:{_TIME})?-(?:{_TIME})?", text.strip())
    values = found.groups() if found else ()
    if found and any(values):
        start, end = (
            sum(float(v or 0) * unit for v, unit in zip(v3, (3600, 60, 1), strict=True))
            for v3 in (values[:3], values[3:])
        )
        end = end if any(values[3:]) else math.inf
        fits = all(float(v or 0) < 60 for v3 in (values[:3], values[3:]) if v3[1] for v in v3[1:])
        if fits and start < end:
            return start, end
    raise OptionError(f"--time: got {text!r}; expected from and to, such as 00:10-00:25")


class _Clock:
    """When each frame of a stream is shown: never twice the same, since encoders refuse that.

    Args:
        stream: PyAV's.
        by_place: the container stores an order of frames and no times, as AVI does. FFmpeg's guess
            depends on the codec, and is out of order where frames look ahead; a packet's place
            counts instead, less the decoder's delay.
    """

    def __init__(self, stream: Any, *, by_place: bool) -> None:
        rate = float(stream.average_rate or 25)
        self._step = max(1, round(1 / (rate * float(stream.time_base))))
        self._by_place = by_place
        self._first: int | None = None
        self._delay: int | None = None
        self._last: int | None = None

    def begin(self, packet: Any) -> None:
        """Take the stream's next packet, before its frames."""
        if self._first is None:
            self._first = packet.dts

    def time_of(self, frame: Any) -> int:
        """The next frame's time in units of the stream."""
        pts = frame.dts if self._by_place else frame.pts
        if pts is None:
            pts = 0 if self._last is None else self._last + self._step
        elif self._by_place:
            if self._delay is None:
                self._delay = pts - (self._first or 0)
            pts -= self._delay
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = int(pts)
        return self._last
