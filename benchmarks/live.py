"""Frames a second of live protection at 1280 x 720 with one face, and how late a frame comes out.

``python benchmarks/live.py [--seconds 20] [--workers 1 4] [--rate 30]``
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ways import WAYS

import faceveil
from faceveil.protect.photo import PhotoOptions
from faceveil.types import Uint8Array
from faceveil.video.frame_queue import FrameQueue, protected_frames
from faceveil.video.live import Live
from faceveil.video.streams import Frame

RESULT = Path(__file__).parent / "results" / "live.json"
PORTRAIT = Path(faceveil.__file__).parent / "assets" / "astronaut.png"
SIZE = (1280, 720)


class FakeWebcam:
    """The moving portrait at a fixed rate by the clock, as a camera gives it."""

    waits = False

    def __init__(self, rate: float, seconds: float) -> None:
        image = cv2.imread(str(PORTRAIT))
        assert image is not None
        self.rate, self._count = rate, round(rate * seconds)
        self._portrait = np.ascontiguousarray(image[..., ::-1])
        self._pool = [self._scene(i) for i in range(30)]
        self._next, self._start = 0, 0.0

    def _scene(self, i: int) -> Uint8Array:
        to = np.array([[1.2, 0, 300 + 3.0 * i], [0, 1.2, 40]])
        return np.asarray(cv2.warpAffine(self._portrait, to, SIZE), np.uint8)

    def read(self) -> Frame | None:
        """The next frame when its time has come."""
        self._start = self._start or time.monotonic()
        if self._next == self._count:
            return None
        wait = self._start + self._next / self.rate - time.monotonic()
        time.sleep(max(wait, 0))
        step = self._next % 58
        rgb = self._pool[min(step, 58 - step)]
        self._next += 1
        return Frame(rgb, time.monotonic() - self._start)

    def started(self) -> float:
        """When the first frame came, by the monotonic clock."""
        return self._start

    def close(self) -> None:
        """Nothing to let go of."""


def measure(method: str, seconds: float, workers: int, rate: float) -> dict[str, Any]:
    """Protect the fake camera's frames for so long."""
    cv2.setNumThreads(1)
    protector = faceveil.load_protector(**WAYS[method]._asdict(), threads=1)
    live = Live(protector, PhotoOptions())
    camera = FakeWebcam(rate, seconds)
    live(camera._scene(0), 0.0)  # networks are warm
    newest, late = FrameQueue(camera, threading.Event()), []
    live = Live(protector, PhotoOptions())
    busy, start = time.process_time(), time.perf_counter()
    for frame in protected_frames(live, newest, workers):
        late.append(time.monotonic() - camera.started() - frame.seconds)
    wall, cpu = time.perf_counter() - start, time.process_time() - busy
    return {
        "method": method,
        "workers": workers,
        "frames": len(late),
        "dropped": newest.dropped,
        "frames_a_second": round(len(late) / wall, 2),
        "frames_a_second_of_cpu_time": round(len(late) / cpu, 2),
        "late_ms_median": round(1000 * float(np.median(late))),
        "late_ms_99": round(1000 * float(np.quantile(late, 0.99))),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, cores])
    parser.add_argument("--rate", type=float, default=30)
    parser.add_argument("--methods", nargs="+", choices=WAYS, default=list(WAYS))
    a = parser.parse_args()
    result = {
        "size": list(SIZE),
        "camera_rate": a.rate,
        "cores_that_could_be_used": cores,
        "load_of_the_machine": os.getloadavg()[0],
        "runs": [measure(m, a.seconds, w, a.rate) for m in a.methods for w in a.workers],
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "python": platform.python_version(),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
