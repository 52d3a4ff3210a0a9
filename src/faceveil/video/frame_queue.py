"""Frames of a stream in threads of their own: the newest one each time, and several in work."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from faceveil.errors import ClipError
from faceveil.types import Face
from faceveil.video.live import Begun, Live
from faceveil.video.streams import Camera, Frame

PATIENCE = 10.0
"""Seconds without a frame after which a camera is taken to be gone."""


class FrameQueue:
    """The newest frame each time; of a camera that waits, every frame.

    At most one frame waits, so that what is shown is behind by at most the time of two frames.

    Args:
        camera: where frames come from.
        stop: set it to end.

    Attributes:
        dropped: frames that were too late.
        problem: why frames ended before their time; None where they did not.
    """

    def __init__(self, camera: Camera, stop: threading.Event) -> None:
        self._camera, self._stop = camera, stop
        self.dropped = 0
        self._slot: deque[Frame] = deque()
        self._change = threading.Condition()
        self._ended = False
        self.problem: BaseException | None = None

    def __iter__(self) -> Iterator[Frame]:
        """Frames until the camera ends or breaks, gives nothing for ten seconds, or is stopped."""
        # A daemon: a read that never returns must not keep the process.
        threading.Thread(target=self._read, daemon=True, name="faceveil-camera").start()
        while (frame := self._next()) is not None:
            yield frame
        self._stop.set()  # the thread of a camera that stalls ends with its next frame

    def _next(self) -> Frame | None:
        start = time.monotonic()
        with self._change:
            while not self._slot:
                if self._ended or self._stop.is_set():
                    return None
                if time.monotonic() - start > PATIENCE and not self._camera.waits:
                    why = f"no frame for {PATIENCE:.0f} s; is the camera still there?"
                    self.problem = ClipError(why)
                    return None
                self._change.wait(0.1)
            frame = self._slot.popleft()
            self._change.notify_all()
        return None if self._stop.is_set() else frame

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                frame = self._camera.read()
                if frame is None:
                    break
                self._put(frame)
        except BaseException as error:  # told by whoever takes the frames
            if not self._stop.is_set():
                self.problem = error
        finally:
            self._camera.close()
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _put(self, frame: Frame) -> None:
        with self._change:
            while self._slot and self._camera.waits and not self._stop.is_set():
                self._change.wait(0.1)
            if self._slot:
                self._slot.clear()
                self.dropped += 1
            self._slot.append(frame)
            self._change.notify_all()


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
