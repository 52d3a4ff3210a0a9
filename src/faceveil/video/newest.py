"""Frames read in a thread of their own, so that late ones can be dropped."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

from faceveil.errors import ClipError
from faceveil.video.cameras import Camera, Frame

PATIENCE = 10.0
"""Seconds without a frame after which a camera is taken to be gone."""


class Newest:
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
