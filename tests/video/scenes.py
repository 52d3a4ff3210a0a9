"""Clips made of the portrait, with known motion."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from faceveil.video.picture import Picture

SIZE = (320, 240)
FACE = np.array([(203, 102), (247, 105), (223, 125), (203, 142), (241, 144)], float)
"""Where the portrait's landmarks are."""


def view(i, scale=0.6, right=2.0, down=0.4, at=(10.0, 4.0), growth=0.002):
    """The map from the portrait to frame ``i``: moving and growing steadily."""
    s = scale + growth * i
    return np.array([[s, 0, at[0] + right * i], [0, s, at[1] + down * i]])


def scene(portrait, matrix, size=SIZE, noise=0.0, seed=0):
    """A frame: the portrait on grey, with a camera's noise."""
    frame = cv2.warpAffine(
        portrait, matrix, size, flags=cv2.INTER_AREA, borderValue=(120, 120, 120)
    ).astype(float)
    frame += np.random.default_rng(seed).normal(0, noise, frame.shape) if noise else 0
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def grey_picture(rgb, seconds):
    """A picture whose luma is the frame's, full range, 16 bits, so that rounding is no flicker."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    deep = grey.astype(np.uint16) * 257
    return Picture((deep,), np.repeat(grey[..., None], 3, axis=2), 16, True, seconds=seconds)


def write_clip(path, frames, pts=None, base=Fraction(1, 25), **more):
    """Write frames (RGB) with a tone; ``more``: codec, sound, pix_fmt, rotation, options."""
    av = __import__("av")
    pts = range(len(frames)) if pts is None else pts
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as out:
        video = out.add_stream(more.get("codec", "libx264"), rate=25)
        video.width, video.height = width, height
        video.pix_fmt = more.get("pix_fmt", "yuv420p")
        video.options = more.get("options", {"crf": "10", "preset": "ultrafast"})
        video.codec_context.time_base = base
        video.codec_context.thread_count = 1
        if "rotation" in more:
            video.set_display_rotation(more["rotation"])
        kind = more.get("sound", "aac")
        sound = out.add_stream(kind, rate=48000) if kind else None
        for rgb, when in zip(frames, pts, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame = frame.reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = when, base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            _tone(av, out, sound, float(max(pts) * base))
    return path


def _tone(av, out, stream, seconds):
    samples = stream.codec_context.frame_size or 1024
    for start in range(0, int(seconds * 48000), samples):
        wave = 0.3 * np.sin(0.06 * np.arange(start, start + samples))
        both = np.ascontiguousarray(np.stack([wave, wave]).astype(np.float32))
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def decoded(path):
    """Times in seconds, luma planes and rotation of a clip's frames."""
    av = __import__("av")
    times, lumas, turns = [], [], set()
    with av.open(str(path)) as clip:
        for frame in clip.decode(video=0):
            times.append(frame.pts * clip.streams.video[0].time_base)
            plane = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
            lumas.append(plane[: frame.height, : frame.width].copy())
            turns.add(frame.rotation)
    return times, lumas, turns


def sound(path):
    """The packets of a clip's sound: times in seconds and bytes."""
    av = __import__("av")
    with av.open(str(path)) as clip:
        base = clip.streams.audio[0].time_base
        return [(p.pts * base, bytes(p)) for p in clip.demux(audio=0) if p.size]
