"""Writing a clip: frames encoded as the original's were, all else copied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceveil.errors import OutputError
from faceveil.video.codec import clip_error, frame_of, pyav
from faceveil.video.encoders import (
    BY_QUANTISER,
    QUANTISER,
    container_of,
    encoder,
    pixel_format,
)
from faceveil.video.picture import Picture
from faceveil.video.reader import Reader


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a clip is written.

    Attributes:
        suffix: ending of its name, by which the container is chosen.
        keep_metadata: copy titles, places and dates too.
        threads: of the encoder; 0 takes all cores.
        encode: False copies the frames, too.
    """

    suffix: str
    keep_metadata: bool = False
    threads: int = 0
    encode: bool = True


class Writer:
    """A clip that is being written.

    Args:
        container: PyAV's output container.
        source: the clip that it comes from, read once.
        options: how.

    Raises:
        ClipError: if there is no encoder for that kind of clip.
    """

    def __init__(self, container: Any, source: Reader, options: WriteOptions) -> None:
        self.container, self._base = container, source.stream.time_base
        self._encoded = options.encode
        self._durations: dict[int, int] = {}
        # Each stream is added in the original's order, so that players choose the same sound.
        self._copies: dict[int, Any] = {}
        for stream in sorted((source.stream, *source.companions()), key=lambda s: s.index):
            if stream is source.stream and options.encode:
                self._encode(source, options.threads)
                continue
            try:
                copy = container.add_stream_from_template(stream, opaque=True)
            except (pyav().error.FFmpegError, ValueError) as error:
                raise clip_error(error, f"cannot copy its {stream.type}") from error
            language = stream.metadata.get("language")
            if options.keep_metadata:
                copy.metadata.update(stream.metadata)
            elif language:
                copy.metadata["language"] = language
            self._copies[stream.index] = copy
            if stream is source.stream:
                self.stream = copy
        if source.matrix is not None:
            self.stream.set_display_matrix(source.matrix)
        if options.keep_metadata:
            container.metadata.update(source.container.metadata)

    def _encode(self, source: Reader, threads: int) -> None:
        """Add the stream of the protected frames."""
        old = source.stream.codec_context
        name, settings = encoder(old.name, self.container)
        rate = source.stream.average_rate or Fraction(25)
        self.stream = self.container.add_stream(name, rate=rate, options=dict(settings))
        new = self.stream.codec_context
        new.width, new.height = old.width, old.height
        self._format = new.pix_fmt = pixel_format(old.pix_fmt, new.codec)
        # The stream's own unit of time, whatever the mean rate, and no reordering: each frame has
        # its time in every container.
        new.time_base = self.stream.time_base = self._base
        new.max_b_frames = 0
        new.thread_count = threads
        if old.sample_aspect_ratio:
            new.sample_aspect_ratio = old.sample_aspect_ratio
        for what in ("color_range", "colorspace", "color_primaries", "color_trc"):
            setattr(new, what, getattr(old, what))
        if name in BY_QUANTISER:
            new.qscale, new.global_quality = True, QUANTISER

    def copy(self, packet: Any) -> None:
        """Copy a packet of a stream that is not encoded."""
        packet.stream = self._copies[packet.stream.index]
        with _writing():
            self.container.mux(packet)

    def add(self, picture: Picture) -> None:
        """Encode a frame."""
        self._durations[picture.tag.pts] = picture.tag.duration
        with _writing():
            self._mux(self.stream.encode(frame_of(picture, self._base, self._format)))

    def finish(self) -> None:
        """Encode what is left, and end the file."""
        with _writing():
            self._mux(self.stream.encode(None) if self._encoded else ())
            self.container.close()

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            # Encoders pass times on, and not all of them how long a frame is shown.
            packet.duration = self._durations.pop(packet.pts, 0) or packet.duration
            self.container.mux(packet)


@contextmanager
def writing(path: Path, source: Reader, options: WriteOptions) -> Iterator[Writer]:
    """A writer to a file, which is whole when the block is done.

    Raises:
        ClipError: if there is no container or encoder for that kind of clip.
        OutputError: if the file cannot be written.
    """
    av = pyav()
    kind = container_of(options.suffix)
    with _writing():
        container = av.open(f"file:{path.absolute()}", "w", format=kind)
    try:
        writer = Writer(container, source, options)
        yield writer
        writer.finish()
    finally:
        # After a failure the end cannot be written; the file is given up anyway.
        with _ignoring(av.error.FFmpegError):
            container.close()


@contextmanager
def _ignoring(*errors: type[BaseException]) -> Iterator[None]:
    try:
        yield
    except errors:
        return


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except (pyav().error.FFmpegError, ValueError) as error:
        reason = str(getattr(error, "strerror", "") or error).splitlines()[0]
        raise OutputError(f"cannot write it: {reason}") from error
