"""Writing a clip: frames encoded as the original's were, all else copied."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceveil.errors import OutputError
from faceveil.video.codec import clip_error, frame_of, pyav
from faceveil.video.container import BY_QUANTISER, ENCODERS, QUANTISER, Layout, pixel_format
from faceveil.video.metadata import allowed_tags
from faceveil.video.picture import Picture
from faceveil.video.reader import Reader


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a clip is written.

    Attributes:
        layout: in which container, with which streams.
        keep_metadata: copy the tags that :mod:`.metadata` allows, too.
        threads: of the encoder; 0 takes all cores.
        encode: False copies the frames, too.
    """

    layout: Layout
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
        ClipError: if a stream cannot be copied.
    """

    def __init__(self, container: Any, source: Reader, options: WriteOptions) -> None:
        self.container, self._base = container, source.stream.time_base
        self._encoded = options.encode
        self._durations: dict[int, int] = {}
        self.stream: Any = None
        # Each stream is added in the original's order, so that players choose the same sound.
        self._copies: dict[int, Any] = {}
        copied = [s for s in source.companions() if s.index in options.layout.copied]
        for stream in sorted((source.stream, *copied), key=lambda s: s.index):
            if stream is source.stream and options.encode:
                self._encode(source, options)
                self._tell(self.stream, stream, options)
                continue
            try:
                copy = container.add_stream_from_template(stream, opaque=True)
            except (pyav().error.FFmpegError, ValueError) as error:
                raise clip_error(error, f"cannot copy its {stream.type}") from error
            self._tell(copy, stream, options)
            self._copies[stream.index] = copy
            if stream is source.stream:
                self.stream = copy
        if source.matrix is not None:
            self.stream.set_display_matrix(source.matrix)
        if options.keep_metadata:
            container.metadata.update(allowed_tags(source.container.metadata)[0])

    @staticmethod
    def _tell(new: Any, old: Any, options: WriteOptions) -> None:
        """Give a stream the tags that it may have."""
        if options.keep_metadata:
            new.metadata.update(allowed_tags(old.metadata)[0])
        if "language" in old.metadata and re.fullmatch("[a-zA-Z-]{2,12}", old.metadata["language"]):
            new.metadata["language"] = old.metadata["language"]

    def _encode(self, source: Reader, options: WriteOptions) -> None:
        """Add the stream of the protected frames."""
        old = source.stream.codec_context
        name, settings = ENCODERS[options.layout.codec]
        os.environ.setdefault("SVT_LOG", "1")  # the encoder of AV1 tells its settings otherwise
        rate = source.stream.average_rate or Fraction(25)
        self.stream = self.container.add_stream(name, rate=rate, options=dict(settings))
        new = self.stream.codec_context
        new.width, new.height = old.width, old.height
        self._format = new.pix_fmt = pixel_format(old.pix_fmt, new.codec, old.width, old.height)
        # The stream's own unit of time, whatever the mean rate, and no reordering: each frame has
        # its time in every container.
        new.time_base = self.stream.time_base = self._base
        new.max_b_frames = 0
        new.thread_count = options.threads
        if old.sample_aspect_ratio:
            new.sample_aspect_ratio = old.sample_aspect_ratio
        for what in ("color_range", "colorspace", "color_primaries", "color_trc"):
            setattr(new, what, getattr(old, what))
        if name in BY_QUANTISER:
            new.qscale, new.global_quality = True, QUANTISER

    def copy(self, packet: Any) -> None:
        """Copy a packet of a stream that is not encoded; of one that is left out, nothing."""
        if packet.stream.index not in self._copies:
            return
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
        ClipError: if a stream cannot be copied.
        OutputError: if the file cannot be written.
    """
    with _opened(f"file:{path.absolute()}", options) as container:
        writer = Writer(container, source, options)
        yield writer
        writer.finish()


def check_writable(source: Reader, options: WriteOptions) -> None:
    """Write a beginning without frames into memory, before a clip is read for it.

    Raises:
        ClipError: if a stream cannot be copied.
        OutputError: if such a clip cannot be written.
    """
    with _opened(io.BytesIO(), options) as container:
        Writer(container, source, options)
        with _writing():
            container.start_encoding()


@contextmanager
def _opened(file: Any, options: WriteOptions) -> Iterator[Any]:
    av = pyav()
    with _writing():
        # MP4 and MOV drop tags that Apple does not know otherwise, those of its phones among them.
        mov = options.keep_metadata and options.layout.container in ("mov", "mp4")
        flags = {"movflags": "use_metadata_tags"} if mov else {}
        container = av.open(file, "w", format=options.layout.container, options=flags)
    try:
        yield container
    finally:
        # After a failure the end cannot be written; the file is given up anyway.
        with contextlib.suppress(av.error.FFmpegError):
            container.close()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except (pyav().error.FFmpegError, ValueError) as error:
        reason = str(getattr(error, "strerror", "") or error).splitlines()[0]
        raise OutputError(f"cannot write it: {reason}") from error
