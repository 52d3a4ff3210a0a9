"""Where one shot of a clip ends and the next begins."""

from __future__ import annotations

from bisect import bisect_right

import cv2
import numpy as np

from faceveil.imaging.crop import luma
from faceveil.types import Float32Array, Uint8Array

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
