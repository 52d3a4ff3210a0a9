"""Faces in the frames of a clip: everywhere in some of them, near those in the ones between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from faceveil.imaging.detect import Detector, NearDetector
from faceveil.types import Face, Uint8Array
from faceveil.video.association import iou
from faceveil.video.cuts import Cuts

EVERY = 4
"""Every how many frames all of the picture is searched."""

REACH = 0.3
"""Share of a face's size by which it may be off the way between its places in the two frames that
were searched."""

Box = tuple[float, float, float, float]
_Faces = Future[tuple[Face, ...]]


@dataclass(slots=True)
class _Window:
    """Frames on their way: those whose faces are asked for, and those that wait for the next."""

    asked: deque[tuple[Uint8Array, float, _Faces]] = field(default_factory=deque)
    between: list[tuple[Uint8Array, float]] = field(default_factory=list)


def find_faces(
    frames: Iterable[tuple[Uint8Array, float]],
    detector: Detector,
    pool: ThreadPoolExecutor,
    workers: int,
) -> Iterator[tuple[Uint8Array, float, tuple[Face, ...]]]:
    """All faces of each frame.

    The first and last frame of each shot and every fourth one are searched whole. In those between,
    a detector that can looks only where somebody is in the searched frame before or after: whoever
    enters is looked for back to when they did. What is found does not depend on the workers.

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
            found = pool.submit(detector.detect, rgb)
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
    return rgb, seconds, found.result()


def _end_shot(
    window: _Window, before: _Faces | None, detector: Detector, pool: ThreadPoolExecutor
) -> None:
    """The last frame of a shot is searched: nothing that comes after it tells who is there."""
    if not window.between:
        return
    rgb, seconds = window.between.pop()
    found = pool.submit(detector.detect, rgb)
    _ask_between(window, before, found, detector, pool)
    window.asked.append((rgb, seconds, found))


def _ask_between(
    window: _Window,
    before: _Faces | None,
    after: _Faces,
    detector: Detector,
    pool: ThreadPoolExecutor,
) -> None:
    # What these wait for was given to the pool earlier, so that it is running or done by then.
    for rgb, seconds in window.between:
        window.asked.append((rgb, seconds, pool.submit(_look, detector, rgb, before, after)))
    window.between = []


def _look(
    detector: Detector, rgb: Uint8Array, before: _Faces | None, after: _Faces
) -> tuple[Face, ...]:
    if not isinstance(detector, NearDetector):
        return detector.detect(rgb)
    known = () if before is None else before.result()
    boxes = ways([face.box for face in known], [face.box for face in after.result()])
    return detector.detect_near(rgb, boxes) if boxes else ()


def ways(before: list[Box], after: list[Box]) -> list[Box]:
    """Where faces may be in a frame between two.

    Args:
        before: boxes of the faces in the frame before.
        after: boxes of those in the frame after.

    Returns:
        For each face a box about its place; about both of its places, if the two overlap.
    """
    left, found = list(after), []
    for box in before:
        same = max(left, key=lambda other: iou(box, other), default=None)
        if same is not None and iou(box, same) > 0:
            left.remove(same)
            box = _union(box, same)
        found.append(box)
    return [_enlarged(box) for box in (*found, *left)]


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _enlarged(box: Box) -> Box:
    more = REACH * max(box[2] - box[0], box[3] - box[1])
    return box[0] - more, box[1] - more, box[2] + more, box[3] + more
