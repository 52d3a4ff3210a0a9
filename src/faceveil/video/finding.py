"""Faces in the frames of a clip: everywhere in some of them, near those in the ones between."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np

from faceveil.imaging.crop import luma
from faceveil.imaging.detect import Detector, NearDetector
from faceveil.types import Face, Float32Array, Uint8Array

SIZE = (32, 18)
"""Width and height in pixels of the thumbnails that are compared."""

MIN_CORRELATION = 0.5
"""Frames whose thumbnails correlate less than this belong to different shots. Correlation, because
a flash or a fade changes the light of a shot and not its contents."""

MIN_CONTRAST = 0.01
"""Thumbnails whose luma varies less than this (standard deviation) hold nothing to compare."""


class Cuts:
    """Finds cuts; frames are given in order.

    Attributes:
        starts: first frames of all shots so far.
    """

    def __init__(self) -> None:
        self.starts = [0]
        self._before: Float32Array | None = None

    @property
    def last(self) -> int:
        """First frame of the current shot."""
        return self.starts[-1]

    def add(self, index: int, rgb: Uint8Array) -> bool:
        """Take a frame, (H, W, 3); True if a new shot begins with it."""
        small = np.asarray(cv2.resize(rgb, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        now = luma(small)
        now = now - now.mean()
        before, self._before = self._before, now
        if before is None:
            return False
        contrast = float(before.std() * now.std())
        if contrast < MIN_CONTRAST**2:
            return False
        if float((before * now).mean()) / contrast >= MIN_CORRELATION:
            return False
        self.starts.append(index)
        return True

    def shot_end(self, segment: int, frames: int) -> int:
        """The frame after the shot that begins with frame ``segment``, of a clip so long."""
        after = bisect_right(self.starts, segment)
        return self.starts[after] if after < len(self.starts) else frames


EVERY = 3
"""Every how many frames all of the picture is searched."""

REACH = 0.3
"""Share of a face's size by which it may be off the way between its places in the two frames that
were searched."""

STEPS = 3.0
"""Sizes of a face by which somebody may move from one searched frame to the next: a small face in a
quick pan."""

Box = tuple[float, float, float, float]
_Found = tuple[tuple[Face, ...], tuple[Face, ...]]
"""Faces, and what may be one."""


@dataclass(slots=True)
class _Window:
    """Frames on their way: those whose faces are asked for, and those that wait for the next."""

    asked: deque[tuple[Uint8Array, float, Future[_Found]]] = field(default_factory=deque)
    between: list[tuple[Uint8Array, float]] = field(default_factory=list)


def find_faces(
    frames: Iterable[tuple[Uint8Array, float]],
    detector: Detector,
    pool: ThreadPoolExecutor,
    workers: int,
) -> Iterator[tuple[Uint8Array, float, tuple[Face, ...]]]:
    """All faces of each frame.

    The first and last frame of each shot and every third one are searched whole. In those between,
    a detector that can looks only where somebody is, or might be, in the searched frame before or
    after: whoever enters is looked for back to when they did, and whom the detector finds in some
    frames only is not missed more often. What is found does not depend on the workers.

    Args:
        frames: (H, W, 3) upright and seconds, in order.
        detector: finds faces; called by several threads.
        pool: runs it; it does nothing else, and its threads begin what they are given in order.
        workers: of the pool; a few frames for each are in memory.

    Yields:
        Each frame, its time, and its faces.
    """
    every = EVERY if isinstance(detector, NearDetector) else 1
    window, cuts, before = _Window(), Cuts(), None
    for index, (rgb, seconds) in enumerate(frames):
        cut = cuts.add(index, rgb)
        if cut:
            _end_shot(window, before, detector, pool)
        if before is None or cut or len(window.between) == every - 1:
            found = pool.submit(quick_look, detector, rgb)
            _ask_between(window, before, found, detector, pool)
            window.asked.append((rgb, seconds, found))
            before = found
        else:
            window.between.append((rgb, seconds))
        while len(window.asked) > 2 * workers:
            yield _first(window)
    _end_shot(window, before, detector, pool)
    while window.asked:
        yield _first(window)


def _first(window: _Window) -> tuple[Uint8Array, float, tuple[Face, ...]]:
    rgb, seconds, found = window.asked.popleft()
    return rgb, seconds, found.result()[0]


def _end_shot(
    window: _Window, before: Future[_Found] | None, detector: Detector, pool: ThreadPoolExecutor
) -> None:
    """The last frame of a shot is searched: nothing that comes after it tells who is there."""
    if not window.between:
        return
    rgb, seconds = window.between.pop()
    found = pool.submit(quick_look, detector, rgb)
    _ask_between(window, before, found, detector, pool)
    window.asked.append((rgb, seconds, found))


def _ask_between(
    window: _Window,
    before: Future[_Found] | None,
    after: Future[_Found],
    detector: Detector,
    pool: ThreadPoolExecutor,
) -> None:
    # What these wait for was given to the pool earlier, so that it is running or done by then.
    for rgb, seconds in window.between:
        window.asked.append((rgb, seconds, pool.submit(_look, detector, rgb, before, after)))
    window.between = []


def quick_look(detector: Detector, rgb: Uint8Array) -> _Found:
    """Faces of a frame, and what may be one, by one look at the whole of it.

    The wider search that photos get would take longer than all else that is done to a frame.
    """
    if isinstance(detector, NearDetector):
        return detector.detect_loosely(rgb)
    return detector.detect(rgb), ()


def _look(
    detector: Detector,
    rgb: Uint8Array,
    before: Future[_Found] | None,
    after: Future[_Found],
) -> _Found:
    if not isinstance(detector, NearDetector):
        return detector.detect(rgb), ()
    known = ((), ()) if before is None else before.result()
    sides = [[f.box for part in found for f in part] for found in (known, after.result())]
    boxes = ways(*sides)
    return detector.detect_near(rgb, boxes) if boxes else (), ()


def ways(before: list[Box], after: list[Box]) -> list[Box]:
    """Where faces may be in a frame between two.

    Args:
        before: boxes of the faces in the frame before.
        after: boxes of those in the frame after.

    Returns:
        For each face a box about its place, or about both places and the way between them where it
        may have gone from one to the other: of several, to the nearest.
    """
    left, found = list(after), []
    for box in before:
        same = min(left, key=lambda other: _steps(box, other), default=None)
        if same is not None and _steps(box, same) <= STEPS:
            left.remove(same)
            box = _union(box, same)
        found.append(box)
    return [_enlarged(box) for box in (*found, *left)]


def _steps(a: Box, b: Box) -> float:
    """How far one is from the other, in sizes of the smaller; infinite where the sizes differ."""
    sizes = [max(x[2] - x[0], x[3] - x[1], 1.0) for x in (a, b)]
    if max(sizes) > 2 * min(sizes):
        return math.inf
    return math.dist((a[0] + a[2], a[1] + a[3]), (b[0] + b[2], b[1] + b[3])) / 2 / min(sizes)


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _enlarged(box: Box) -> Box:
    more = REACH * max(box[2] - box[0], box[3] - box[1])
    return box[0] - more, box[1] - more, box[2] + more, box[3] + more
