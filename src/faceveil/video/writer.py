"""Writing a clip: frames encoded as the original's were, sound copied, tags by an allow-list."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from faceveil.errors import OutputError
from faceveil.video.container import BY_QUANTISER, ENCODERS, QUANTISER, Layout, pixel_format
from faceveil.video.picture import Picture, clip_error, frame_of, pyav
from faceveil.video.reader import Reader

_LONGEST = 100  # characters of what a device writes about itself


def _is_time(value: str) -> bool:
    return (
        re.fullmatch(r"\d{4}([-:/.]?\d\d){0,2}([T ][\d:.]{2,15}(Z|[+-]\d\d:?\d\d)?)?", value)
        is not None
    )


def _is_place(value: str) -> bool:
    """Latitude, longitude and perhaps altitude after ISO 6709, or a number of metres."""
    return re.fullmatch(r"([+-]\d[\d.]*){1,3}/?|\d[\d.]*", value) is not None


def _is_plain(value: str) -> bool:
    return len(value) <= _LONGEST and value.isprintable()


_ALLOWED: dict[str, Callable[[str], bool]] = {
    "creation_time": _is_time,
    "date": _is_time,
    "location": _is_place,
    "location-eng": _is_place,
    "make": _is_plain,
    "model": _is_plain,
    "com.android.capture.fps": _is_plain,
    "com.android.manufacturer": _is_plain,
    "com.android.model": _is_plain,
    "com.android.version": _is_plain,
    "com.apple.quicktime.creationdate": _is_time,
    "com.apple.quicktime.location.accuracy.horizontal": _is_place,
    "com.apple.quicktime.location.iso6709": _is_place,
    "com.apple.quicktime.make": _is_plain,
    "com.apple.quicktime.model": _is_plain,
    "com.apple.quicktime.software": _is_plain,
}
"""Tags by their names in small letters (Matroska has them in capitals), and what they look like."""

_LAYOUT = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "language"}
    | {"vendor_id", "bps", "number_of_frames", "number_of_bytes", "variant_bitrate"}
)
"""Tags that say how the file is laid out: written anew, so not missed."""

_HANDLERS = frozenset({"VideoHandler", "SoundHandler", "SubtitleHandler", "DataHandler"})


def allowed_tags(tags: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The tags to keep, and the names of those that go.

    Args:
        tags: of a clip or one of its streams, as FFmpeg names them.
    """
    kept: dict[str, str] = {}
    gone: list[str] = []
    for name, value in tags.items():
        key = name.lower()
        if key in _ALLOWED and _ALLOWED[key](value.strip()):
            kept[name] = value.strip()
        elif not (key in _LAYOUT or key.startswith("_statistics") or value in _HANDLERS):
            gone.append(name if _is_plain(name) else "a tag")
    return kept, gone


def tags_gone(container: Any, *, keep: bool) -> list[str]:
    """Names of what a clip's copy has no more: tags and chapters, such as ``stream 1: title``.

    Args:
        container: PyAV's, of the original.
        keep: whether allowed tags are kept.
    """
    found = []
    parts = {"": container.metadata}
    parts |= {f"stream {s.index}: ": s.metadata for s in container.streams}
    for where, tags in parts.items():
        kept, gone = allowed_tags(tags)
        found += [f"{where}{name}" for name in (gone if keep else [*kept, *gone])]
    chapters = len(container.chapters())
    return [*found, *([f"{chapters} chapters"] if chapters else [])]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a clip is written.

    Attributes:
        layout: in which container, with which streams.
        keep_metadata: copy the allowed tags, too.
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
