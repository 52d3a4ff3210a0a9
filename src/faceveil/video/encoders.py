"""Which container and encoder a clip is written with."""

from __future__ import annotations

from typing import Any

from faceveil.errors import ClipError
from faceveil.video.codec import pyav

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
"""Encoder and settings by the original's codec: what looks like the original to the eye. Clips of
other codecs become H.264 where the container takes it."""

BY_QUANTISER = frozenset({"mjpeg", "mpeg4"})
"""Encoders that take no quality but a quantiser, from 1, the best."""

QUANTISER = 2 * 118  # FFmpeg counts in 118ths


def container_of(suffix: str) -> str:
    """FFmpeg's container for an ending.

    Raises:
        ClipError: if there is none.
    """
    kind = FORMATS.get(suffix.lower())
    if kind is None:
        raise ClipError(f"{suffix}: expected one of {', '.join(sorted(FORMATS))}")
    return kind


def encoder(codec: str, container: Any) -> tuple[str, dict[str, str]]:
    """Name and settings of the encoder for a clip of that codec."""
    av = pyav()
    takes = container.supported_codecs
    for wanted in (codec, "h264"):
        name, options = ENCODERS.get(wanted, ("", {}))
        # What was in such a container fits into one: not all of them can list their codecs.
        if (wanted == codec or wanted in takes) and name in av.codecs_available:
            return name, options
    raise ClipError(f"{codec} in {container.format.name}: cannot be written; convert it to MP4")


def pixel_format(old: str, codec: Any) -> str:
    """The original's pixel format, or the nearest one that the encoder takes."""
    takes = [f.name for f in codec.video_formats or ()]
    deep = "10" in old or "12" in old
    for name in (old, "yuv420p10le" if deep else "yuv420p", "yuv420p", "yuvj420p"):
        if name in takes:
            return name
    return takes[0] if takes else old
