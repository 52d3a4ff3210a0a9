"""What the scripts share: child processes watched from outside, photos, digests, results."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reliability.pictures import portrait
from PIL import Image

from faceveil.files.runs import FILE

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
FACEVEIL = [sys.executable, "-m", "faceveil"]

JARGON = re.compile(
    r"Traceback|<_io|object at 0x|0x[0-9a-f]{6}|\bErrno\b|\w+Error\b|\w+Exception\b|NoneType|libpng"
    r"|libtiff|libjpeg|OpenCV|buffer|struct|unpack|codec|chunk|marker|cannot identify|b'|unexpected"
    r"|site-packages|\.py\b|please report"
)
"""What no message for users may hold: words of libraries and of bugs."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Attributes:
        code: exit code; negative: the signal that ended it.
        stdout: all of it, as text.
        stderr: the same.
        seconds: how long it ran.
        peak_mb: most memory resident at once, in MiB.
        hung: whether it was stopped because its time was over.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    peak_mb: float
    hung: bool = False


def run(command: list[str], seconds: float = 600.0, cwd: Path | None = None) -> Ended:
    """Run a process to its end, or until its time is over; its peak memory is its own."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, text=True, env=quiet()
    )
    hung, peak = False, _Peak(child.pid)
    try:
        while True:
            try:
                out, err = child.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                peak.look()
                if time.perf_counter() - start > seconds:
                    hung = True
                    child.kill()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    return Ended(child.returncode, out, err, time.perf_counter() - start, peak.most, hung)


class _Peak:
    """The high-water mark of a process's memory, as the kernel keeps it."""

    def __init__(self, pid: int) -> None:
        self.pid, self.most = pid, 0.0

    def look(self) -> None:
        self.most = max(self.most, memory_mb(self.pid, "VmHWM"))


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """A figure of ``/proc/PID/status`` in MiB; 0 where the process is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"{what}:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0


def quiet() -> dict[str, str]:
    """The environment of children: source tree first, one thread for BLAS."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}", "OMP_NUM_THREADS": "1"}


def bad_message(message: str) -> str | None:
    """Why a message is not one clear line, or None."""
    if not message.strip() or "\n" in message.strip():
        return "not one line"
    if len(message) > 300:
        return "too long"
    found = JARGON.search(message)
    return f"jargon: {found[0]}" if found else None


def photos(folder: Path, count: int, size: int = 220) -> list[Path]:
    """Small photos with a face, each another: crops, turns and formats of the portrait."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for i in range(count):
        image = portrait(size + 8 * i).rotate(4 * (i % 5) - 8, fillcolor=(90, 90, 90))
        suffix = (".jpg", ".png", ".webp", ".tif")[i % 4]
        path = folder / ("deep" if i % 3 == 2 else "") / f"photo {i:02}{suffix}"
        path.parent.mkdir(exist_ok=True)
        if i % 2:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image.save(path)
        found.append(path)
    return found


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by its path within; not of the record of runs."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != FILE
    }


def report(name: str, found: dict[str, Any]) -> None:
    """Print a result and keep it in ``results/``."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    here = {"commit": commit, "python": platform.python_version(), "cores": cores}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({**found, "measured_on": here}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(text)
