"""Frames of a stream on their way side by side, and out in order, none later than it must be."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from faceveil.types import Face
from faceveil.video.cameras import Frame
from faceveil.video.live import Begun, Live

_T = TypeVar("_T")


def protected_frames(
    live: Live, frames: Iterable[Frame], workers: int
) -> Generator[Frame, None, None]:
    """Protect the frames of a stream.

    While one frame's faces are protected, the next one's are found. Not more frames are on their
    way than there are workers, and none is taken before that: where the machine is too slow, a
    camera drops frames, and the delay stays that of one frame on one core.

    Args:
        live: does it; nobody else uses it in the meantime.
        frames: in order.
        workers: frames at the same time.

    Yields:
        The frames, protected.
    """
    room, stop = threading.Semaphore(workers), threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="faceveil") as pool:

        def asked() -> Iterator[tuple[Frame, Future[tuple[Face, ...]]]]:
            source = iter(frames)
            while room.acquire() and not stop.is_set():
                frame = next(source, None)
                if frame is None:
                    return
                yield frame, pool.submit(live.detect, frame.rgb)

        def begun() -> Iterator[tuple[Frame, Begun]]:
            with closing(in_thread(asked())) as found:
                for frame, faces in found:
                    yield frame, live.begin(frame.rgb, frame.seconds, faces.result(), pool)

        try:
            with closing(in_thread(begun())) as ready:
                for frame, work in ready:
                    yield replace(frame, rgb=live.finish(work))
                    room.release()
        finally:
            stop.set()
            room.release()


def in_thread(items: Iterator[_T]) -> Generator[_T, None, None]:
    """The items, taken in a thread of their own as soon as they are there.

    What the thread raises is raised here. When this is closed, the thread ends with its next item.
    """
    found: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()
    closed = threading.Event()

    def take() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if closed.is_set():
                    break
                found.put((item, None))
        except BaseException as raised:  # raised again by whoever takes the items
            error = raised
        found.put((None, error))

    # A daemon: a camera that never gives the next frame must not keep the process.
    threading.Thread(target=take, daemon=True, name="faceveil-stage").start()
    try:
        while True:
            item, error = found.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        closed.set()
