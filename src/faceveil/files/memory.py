"""How many pixels one process holds at a time: many large photos at once must not fill memory."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from faceveil.imaging.decode import header_pixels

MOST_PIXELS = 100_000_000
"""Pixels of all photos in work together; at 20 bytes each that is 2 GB."""

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE = 4 << 20


def hand_back_large_blocks() -> None:
    """Have this process give blocks of 4 MiB or more back to the system as soon as they are free.

    glibc raises that bound to 32 MiB as a program goes on, and keeps what lies below it: half a
    gigabyte after some large photos. For programs of ours; a library does not touch the allocator.
    Other C libraries are left as they are.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE)


class Budget:
    """Lets work in while what it needs fits beside the rest, in the order it came.

    What needs more than there is goes in alone.

    Args:
        size: how much there is, in any unit.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._used = 0
        self._changed = threading.Condition()
        self._turn = threading.Lock()

    @contextmanager
    def take(self, amount: int) -> Iterator[None]:
        """Wait for so much of it, hold it, and give it back."""
        with self._turn, self._changed:  # the turn is kept while waiting, or large ones starve
            self._changed.wait_for(lambda: not self._used or self._used + amount <= self.size)
            self._used += amount
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()


_PIXELS = Budget(MOST_PIXELS)  # memory is the process's, so its bound is as well


@contextmanager
def memory_for(*photos: bytes, max_pixels: int) -> Iterator[None]:
    """Hold the memory that the photos of these files need together, by their headers.

    Args:
        photos: files; those that will be refused need none.
        max_pixels: larger photos are refused.
    """
    with _PIXELS.take(sum(header_pixels(data, max_pixels) for data in photos)):
        yield
