"""Reading a clip: frame by frame, in order, twice if need be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceveil.errors import ClipError
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

    Attributes:
        container: PyAV's.
        stream: the first video stream that is no cover picture.
        matrix: display matrix, known after the first frame.

    Raises:
        ClipError: if the file cannot be read or shows no moving pictures.
        MissingExtraError: if PyAV is not installed.
    """

    def __init__(self, path: Path, threads: int = 0, max_pixels: int = MAX_PIXELS) -> None:
        av = pyav()
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
        stream = self.stream
        if stream.frames:
            return int(stream.frames)
        rate = stream.average_rate
        return round(self._length() * float(rate)) if rate else 0

    def companions(self) -> list[Any]:
        """The streams of sound and subtitles, which are copied."""
        streams = (*self.container.streams.audio, *self.container.streams.subtitles)
        return sorted(streams, key=lambda s: s.index)

    def pictures(self, other: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """All frames from the first on.

        Args:
            other: gets the packets of the companions as they come.

        Raises:
            ClipError: if the clip is damaged, ends early, or changes its size.
        """
        av, stream = pyav(), self.stream
        count, end = 0, 0.0
        shape: tuple[int, int] | None = None
        clock = _Clock(stream, by_place=self.container.format.name == "avi")
        try:
            for packet in self.container.demux([stream, *self.companions()]):
                if packet.is_corrupt:
                    raise ClipError("damaged or cut off; get a whole copy of it")
                if packet.pts is not None:
                    length = packet.pts + (packet.duration or 0)
                    end = max(end, float(length * packet.time_base))
                if packet.stream is not stream:
                    if other is not None and packet.size:
                        other(packet)
                    continue
                clock.begin(packet)
                for frame in packet.decode():
                    pts = clock.time_of(frame)
                    size = (frame.width, frame.height)
                    if shape is None:
                        shape, self.matrix = size, display_matrix(frame)
                    if shape != size:
                        raise ClipError("changes its size midway; convert it to one size first")
                    seconds = float(pts * stream.time_base)
                    yield picture_of(frame, pts, upright_of(self.matrix, *size), seconds)
                    count += 1
        except (av.error.FFmpegError, EOFError) as error:
            raise clip_error(error, "damaged; get a whole copy of it") from error
        self._check_end(count, end)

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

    def _length(self) -> float:
        """Seconds, as the header tells; 0 where it does not."""
        length = self.container.duration
        return float(Fraction(length, pyav().time_base)) if length and length > 0 else 0.0

    def _check_end(self, count: int, end: float) -> None:
        if not count:
            raise ClipError(f"damaged: not one frame in it; {KNOWN}")
        if end < self._length() - LOST:
            raise ClipError(
                f"cut off after {end:.1f} of {self._length():.1f} seconds; get a whole copy of it"
            )


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
