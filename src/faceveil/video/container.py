"""Which container and codec a clip is written with, and which of its streams go along."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from faceveil.errors import ClipError
from faceveil.video.picture import pyav

FORMATS = {
    ".3gp": "3gp",
    ".avi": "avi",
    ".m2ts": "mpegts",
    ".m4v": "mp4",
    ".mkv": "matroska",
    ".mov": "mov",
    ".mp4": "mp4",
    ".mts": "mpegts",
    ".ts": "mpegts",
    ".webm": "webm",
}
"""FFmpeg's container by a file's ending."""

_BY_CONTENT = {
    "avi": "avi",
    "matroska,webm": "matroska",
    "mov,mp4,m4a,3gp,3g2,mj2": "mov",
    "mpegts": "mpegts",
}
"""What a file is written as by what FFmpeg reads it as."""

_NAMES = {"3gp": "3GP", "avi": "AVI", "matroska": "Matroska", "mov": "MOV", "mp4": "MP4"}
_NAMES |= {"mpegts": "MPEG-TS", "webm": "WebM"}

ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "av1": ("libsvtav1", {"crf": "24", "preset": "8"}),
    "ffv1": ("ffv1", {}),
    "h264": ("libx264", {"crf": "17", "preset": "fast"}),
    "hevc": ("libx265", {"crf": "19", "preset": "fast", "x265-params": "log-level=none"}),
    "mjpeg": ("mjpeg", {}),
    "mpeg4": ("mpeg4", {}),
    "vp8": ("libvpx", {"crf": "8", "b": "20M", "cpu-used": "4"}),
    "vp9": ("libvpx-vp9", {"crf": "20", "b": "0", "cpu-used": "4", "row-mt": "1"}),
}
"""Encoder and settings by the original's codec: what looks like the original to the eye."""

_OTHERWISE = {"avi": "mpeg4", "webm": "vp9"}
"""What clips of other codecs become; H.264 where nothing is said. AVI stores no times but the
frames' order, and whoever reads H.264 from it takes its first frame to wait for one more: all are
shown one frame late, beside a sound that is not. MPEG-4 without frames that look ahead is not."""

_TRANSPORT = frozenset(
    {"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "aac", "aac_latm", "mp2", "mp3"}
    | {"ac3", "eac3", "dts", "truehd", "opus", "pcm_bluray", "s302m", "dvb_subtitle"}
    | {"dvb_teletext", "hdmv_pgs_subtitle", "hdmv_text_subtitle"}
)
"""What MPEG-TS holds. FFmpeg puts anything into one, and nobody reads it again."""

BY_QUANTISER = frozenset({"mjpeg", "mpeg4"})
"""Encoders that take no quality but a quantiser, from 1, the best."""

QUANTISER = 2 * 118  # FFmpeg counts in 118ths


@dataclass(frozen=True, slots=True)
class StreamKind:
    """A stream of a clip.

    Attributes:
        index: its number in the file.
        kind: FFmpeg's ``video``, ``audio``, ``subtitle``, ``data``, ``attachment`` or ``unknown``.
        codec: FFmpeg's name of the codec; empty where FFmpeg cannot decode it.
        cover: it is one picture and no moving ones.
    """

    index: int
    kind: str
    codec: str = ""
    cover: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How a clip is written.

    Attributes:
        container: FFmpeg's name of it.
        codec: FFmpeg's name of the pictures' codec.
        copied: numbers of the streams that are copied packet by packet.
        left_out: what is no sound or subtitles and does not go along, each in some words.
        missed: sound and subtitles that do not, each in some words.
        notes: what is to be told.
    """

    container: str
    codec: str
    copied: tuple[int, ...]
    left_out: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def lay_out(
    suffix: str,
    content: str,
    streams: Sequence[StreamKind],
    encodable: Collection[str],
    fits: Callable[[str, str], bool],
) -> Layout:
    """The container, the codec and the streams of a clip's protected copy.

    The name's own container is taken where it holds all that is there. Where it does not, and the
    file was another one in truth (Matroska as ``.mp4``, H.264 in ``.webm``), it stays what it was.

    Args:
        suffix: ending of the copy's name.
        content: what FFmpeg reads the original as, such as ``matroska,webm``; empty where the copy
            has another ending.
        streams: of the original; the first video that is no cover is what is protected.
        encodable: codecs of :data:`ENCODERS` that can be written here.
        fits: whether a container holds a codec, both by FFmpeg's names.

    Raises:
        ClipError: if there is no container for that ending, or no codec for it.
    """
    pictures = next(s for s in streams if s.kind == "video" and s.codec and not s.cover)
    others = [s for s in streams if s is not pictures]
    named, stored = container_of(suffix), _BY_CONTENT.get(content)
    found: list[tuple[int, Layout]] = []
    for container in dict.fromkeys((named, stored or named)):
        wanted = (pictures.codec, _OTHERWISE.get(container, "h264"))
        codec = next((c for c in wanted if c in encodable and fits(container, c)), None)
        if codec is None:
            continue
        copied = [s for s in others if _is_companion(s) and s.codec and fits(container, s.codec)]
        gone = [s for s in others if s not in copied]
        left_out = [_described(s, container) for s in gone if not _is_companion(s)]
        missed = [_described(s, container) for s in gone if _is_companion(s)]
        notes = [f"{m} is left out" for m in missed]
        if container != named:
            notes.append(f"{_NAMES[named]} cannot hold it; it stays {_NAMES[container]}, as it was")
        layout = Layout(
            container,
            codec,
            tuple(s.index for s in copied),
            tuple(left_out),
            tuple(missed),
            tuple(notes),
        )
        found.append((2 * len(missed) + (codec != pictures.codec), layout))
    if not found:
        raise ClipError(f"{pictures.codec} as {suffix}: cannot be written; convert it to MP4")
    return min(found, key=lambda pair: pair[0])[1]


def _is_companion(stream: StreamKind) -> bool:
    return stream.kind in ("audio", "subtitle")


def _described(stream: StreamKind, container: str) -> str:
    """``stream 2: sound of an unknown kind``."""
    if stream.cover:
        return f"stream {stream.index}: cover picture"
    word = {"audio": "sound", "subtitle": "subtitles", "video": "further video"}.get(stream.kind)
    if word is None:
        word = "attachment" if stream.kind == "attachment" else "timed metadata"
        return f"stream {stream.index}: {word}"
    if not stream.codec:
        return f"stream {stream.index}: {word} of an unknown kind"
    why = f", which {_NAMES[container]} does not hold" if _is_companion(stream) else ""
    return f"stream {stream.index}: {word} ({stream.codec}{why})"


def container_of(suffix: str) -> str:
    """FFmpeg's container for an ending.

    Raises:
        ClipError: if there is none.
    """
    kind = FORMATS.get(suffix.lower())
    if kind is None:
        raise ClipError(f"{suffix}: expected one of {', '.join(sorted(FORMATS))}")
    return kind


def kinds_of(streams: Iterable[Any]) -> list[StreamKind]:
    """What PyAV's streams are."""
    cover = pyav().stream.Disposition.attached_pic
    return [
        StreamKind(
            s.index,
            s.type,
            "" if s.codec_context is None else s.codec_context.codec.canonical_name,
            bool(s.disposition & cover),
        )
        for s in streams
    ]


def encodable() -> frozenset[str]:
    """Codecs of :data:`ENCODERS` that this FFmpeg can write."""
    available = pyav().codecs_available
    return frozenset(codec for codec, (name, _) in ENCODERS.items() if name in available)


@cache
def fits(container: str, codec: str) -> bool:
    """Whether FFmpeg writes a codec into a container, and others read it there."""
    if container == "mpegts":
        return codec in _TRANSPORT
    with pyav().open(io.BytesIO(), "w", format=container) as file:
        try:
            file.add_mux_stream(codec)
        except ValueError:
            return False
    return True


def pixel_format(old: str, codec: Any, width: int, height: int) -> str:
    """The original's pixel format, or the nearest one that the encoder takes.

    Args:
        old: FFmpeg's name of the original's.
        codec: PyAV's codec of the encoder.
        width: of the frames in pixels.
        height: of the frames.
    """
    takes = [str(f.name) for f in codec.video_formats or ()]
    depth = "10le" if "10" in old or "12" in old else ""
    odd = bool(width % 2 or height % 2) and codec.name in ("libx264", "libx265")
    # These two take no half pixels.
    whole: tuple[str, ...] = (f"yuv444p{depth}", "yuv444p") if odd else ()
    for name in (old, *whole, f"yuv420p{depth}", "yuv420p", "yuvj420p"):
        if name in takes and not (odd and re.search("4(20|22|11)p", name)):
            return name
    return takes[0] if takes else old
