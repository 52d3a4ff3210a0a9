"""A whole evaluation: every protector on every set, resumable, in several processes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path

from faceveil.errors import FaceVeilError
from faceveil.evaluation.config import EvaluationConfig
from faceveil.evaluation.recorder import Curve
from faceveil.evaluation.rows import Row, from_json
from faceveil.evaluation.worker import Task, work
from faceveil.runtime.device import usable_cores


def tasks(config: EvaluationConfig) -> Iterator[Task]:
    """Every unit of an evaluation, in the order of the tables."""
    for spec in config.protectors:
        strengths = (0.0,) if spec.method == "original" else spec.strengths
        for strength in strengths:
            for faces in config.sets:
                yield Task(spec, strength, faces)


def run(
    config: EvaluationConfig,
    output: Path,
    *,
    jobs: int = 1,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Row], list[Curve]]:
    """Measure what is not measured yet; results are kept one by one.

    Args:
        config: what to measure.
        output: folder; finished units are kept in ``units``, contact sheets in ``sheets``.
        jobs: processes.
        threads: threads of each; 0 shares the cores.
        progress: called with units done and units in all.

    Returns:
        All rows and curves, in the order of the configuration.

    Raises:
        KeyboardInterrupt: on Ctrl-C, when no process is left; what was measured is kept.
    """
    todo = list(tasks(config))
    places = [output / "units" / f"{t.key(config)}.json" for t in todo]
    threads = threads or max(1, usable_cores() // max(1, jobs))
    waiting = [(t, p) for t, p in zip(todo, places, strict=True) if not p.is_file()]
    done = len(todo) - len(waiting)

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(todo))

    if progress is not None:
        progress(done, len(todo))
    if jobs <= 1:
        for task, place in waiting:
            work(task, config, place, output / "sheets", threads)
            step()
    else:
        _in_processes(jobs, [(t, config, p, output / "sheets", threads) for t, p in waiting], step)
    rows: list[Row] = []
    curves: list[Curve] = []
    for place in places:
        saved = json.loads(place.read_text())
        rows += from_json(saved["rows"])
        curves += [Curve(**(c | {k: tuple(c[k]) for k in "xy"})) for c in saved["curves"]]
    return rows, curves


def _in_processes(
    jobs: int,
    calls: Sequence[tuple[Task, EvaluationConfig, Path, Path, int]],
    step: Callable[[], None],
) -> None:
    """Do units in processes of their own, which end with this one when it is interrupted."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        with _without_interrupts():
            futures = [pool.submit(work, *call) for call in calls]
        try:
            for future in as_completed(futures):
                future.result()
                step()
        except BrokenProcessPool as error:
            raise FaceVeilError(
                "a process was ended by the system, most likely for want of memory; what was "
                "measured is kept: go on with --resume and fewer --jobs"
            ) from error
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                # A unit takes minutes: what is not finished is measured again, not waited for.
                for child in active_children():
                    child.terminate()
            raise


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes begun in here never see Ctrl-C, which a terminal sends to all of a group.

    They would each print where they were. The mask is inherited from their very first instruction;
    a handler of their own would come too late for whoever interrupts while they import.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
