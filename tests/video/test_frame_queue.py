"""Frames on their way side by side: the same ones, in order, and never more than have room."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import faceveil
from faceveil.protect.photo import PhotoOptions
from faceveil.video.frame_queue import FrameQueue, in_thread, protected_frames
from faceveil.video.live import Live
from faceveil.video.streams import Frame
from tests.video.scenes import scene, view


def test_as_one_after_the_other(portrait):
    protector = faceveil.load_protector("san", threads=1)
    frames = [Frame(scene(portrait, view(i), seed=i), i / 25) for i in range(12)]
    one = Live(protector, PhotoOptions())
    alone = [one(f.rgb, f.seconds) for f in frames]
    for workers in (1, 3):
        done = list(protected_frames(Live(protector, PhotoOptions()), frames, workers))
        assert [f.seconds for f in done] == [f.seconds for f in frames]
        assert all(np.array_equal(f.rgb, rgb) for f, rgb in zip(done, alone, strict=True))


class Nobody:
    """Stands in for ``Live``: keeps how many frames are on their way."""

    def __init__(self, fails_at=-1):
        self.now, self.most, self.fails_at = 0, 0, fails_at

    def detect(self, rgb):
        return ()

    def begin(self, rgb, seconds, faces, pool):
        if seconds == self.fails_at:
            raise ValueError("broken")
        return rgb

    def finish(self, rgb):
        self.now -= 1
        return rgb


def frames_of(nobody, count):
    for i in range(count):
        nobody.now += 1
        nobody.most = max(nobody.most, nobody.now)
        yield Frame(np.zeros((2, 2, 3), np.uint8), float(i))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_no_frame_is_taken_before_there_is_room(workers):
    nobody, seconds = Nobody(), []
    for frame in protected_frames(nobody, frames_of(nobody, 30), workers):
        seconds.append(frame.seconds)
    assert seconds == list(range(30))
    assert nobody.most <= workers


def test_a_frame_comes_out_before_the_next_one_is_there():
    out = threading.Event()

    def frames():
        yield Frame(np.zeros((2, 2, 3), np.uint8), 0.0)
        assert out.wait(120), "the first frame waited for the second"
        yield Frame(np.zeros((2, 2, 3), np.uint8), 1.0)

    for _ in protected_frames(Nobody(), frames(), 3):
        out.set()


def test_errors_are_told_after_what_came_before():
    nobody = Nobody(fails_at=4.0)
    done = protected_frames(nobody, frames_of(nobody, 9), 3)
    assert [next(done).seconds for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="broken"):
        next(done)


def test_threads_end_when_nobody_takes_the_frames():
    before = threading.active_count()
    nobody = Nobody()
    frames = protected_frames(nobody, frames_of(nobody, 10**9), 2)
    next(frames)
    frames.close()
    numbers = in_thread(iter(range(10**9)))
    assert next(numbers) == 0
    numbers.close()
    end = time.monotonic() + 120
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before


class Clockwork:
    """A camera that gives a frame only when it is let, and says when it asks for the next."""

    rate = 25.0

    def __init__(self, count, waits):
        self.count, self.waits, self.given, self.closed = count, waits, 0, threading.Event()
        self.let, self.asked = threading.Semaphore(0), threading.Semaphore(0)

    def read(self):
        self.asked.release()
        assert self.let.acquire(timeout=120)
        if self.given == self.count:
            return None
        self.given += 1
        return Frame(np.zeros((2, 2, 3), np.uint8), float(self.given - 1))

    def give(self, count):
        """So many frames, each of which has been taken in when this returns."""
        for _ in range(count):
            self.let.release()
            assert self.asked.acquire(timeout=120)

    def close(self):
        self.closed.set()


def test_late_frames_are_dropped():
    """While a frame is in work, one, four or no more come: the newest is the next."""
    camera = Clockwork(12, waits=False)
    queue = FrameQueue(camera, threading.Event())
    frames, seen = iter(queue), []
    camera.let.release()
    seen.append(next(frames).seconds)  # the thread begins with the first one
    for _ in range(2):
        assert camera.asked.acquire(timeout=120)  # for the first frame, and for the second
    for more in (1, 4, 1, 5):
        camera.give(more)
        seen.append(next(frames).seconds)
    assert seen == [0.0, 1.0, 5.0, 6.0, 11.0]
    assert queue.dropped == 3 + 4
    camera.let.release()  # it has no more
    assert list(frames) == []
    assert camera.closed.wait(120)
    assert queue.problem is None


def test_a_pipe_waits():
    camera = Clockwork(12, waits=True)
    for _ in range(13):
        camera.let.release()
    queue, seen = FrameQueue(camera, threading.Event()), []
    for frame in queue:
        seen.append(frame.seconds)
        assert camera.given <= len(seen) + 2  # one waits, and one waits for its place
    assert seen == list(range(12))
    assert queue.dropped == 0


def test_a_camera_that_gives_nothing_is_taken_to_be_gone(monkeypatch):
    monkeypatch.setattr("faceveil.video.frame_queue.PATIENCE", 0.05)
    camera, stop = Clockwork(1, waits=False), threading.Event()
    queue = FrameQueue(camera, stop)
    assert list(queue) == []
    assert "no frame for" in str(queue.problem)
    assert stop.is_set()
    camera.let.release()  # the thread ends with its next frame
    assert camera.closed.wait(120)
