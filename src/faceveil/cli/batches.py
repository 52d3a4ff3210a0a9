"""Photos and clips with progress on the terminal; what ``faceveil protect`` runs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from faceveil.files.batch import BatchOptions, FileResult, protect_files
from faceveil.files.jobs import Job
from faceveil.files.paths import shown

# One process prints. The lock that tqdm makes otherwise also loads multiprocessing.
tqdm.set_lock(threading.RLock())


EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


class Lines:
    """Progress for a log: a line now and then, none on a terminal, which has a bar.

    Args:
        what: is being worked on.
        quiet: say nothing.
        clock: tells seconds.
    """

    def __init__(self, what: str, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._silent = quiet or sys.stderr.isatty()
        self._clock = clock
        self._next = clock() + EVERY

    def tell(self, done: int, total: int) -> None:
        """Say how far it is, unless that was said just now, or it is done."""
        if self._silent or done >= total or self._clock() < self._next:
            return
        self._next = self._clock() + EVERY
        print(f"{self._what}: {done} of {total} done", file=sys.stderr, flush=True)


def run_photos(
    jobs: list[Job], protector: Any, options: BatchOptions, workers: int, quiet: bool
) -> list[FileResult]:
    """Protect photos, several at a time, with a bar and a line for each that failed."""
    results: list[FileResult] = []
    lines = Lines("photos", quiet)
    with tqdm(total=len(jobs), unit="photo", disable=True if quiet else None) as bar:
        for result in protect_files(jobs, protector, options, workers):
            results.append(result)
            bar.update()
            _tell(result)
            lines.tell(len(results), len(jobs))
    return results


def run_clips(
    jobs: list[Job], protector: Any, options: BatchOptions, threads: int, quiet: bool
) -> list[FileResult]:
    """Protect clips, one at a time, with a bar for each and a line for each that failed."""
    from faceveil.video.clip import protect_clip_file  # runs of photos do not pay for it

    results = []
    for job in jobs:
        name = shown(job.source.name)
        lines = Lines(f"{name}, steps", quiet)
        # Each frame is two steps: found in it, and protected.
        with tqdm(desc=name, unit="step", disable=True if quiet else None) as bar:

            def progress(done: int, total: int, bar: Any = bar, lines: Lines = lines) -> None:
                lines.tell(done, total)
                bar.total = total
                bar.update(done - bar.n)

            results.append(protect_clip_file(job, protector, options, threads, progress))
        _tell(results[-1])
    return results


def _tell(result: FileResult) -> None:
    if result.message and result.status != "skipped":
        tqdm.write(f"{shown(result.source)}: {result.message}", file=sys.stderr)
    if result.warning:
        tqdm.write(f"{shown(result.source)}: {result.warning}", file=sys.stderr)
