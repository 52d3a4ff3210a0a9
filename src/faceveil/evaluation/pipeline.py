"""A whole evaluation: every protector on every set, resumable, in several processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from faceveil.evaluation.config import EvaluationConfig
from faceveil.evaluation.processes import each_in_processes
from faceveil.evaluation.recorder import Curve
from faceveil.evaluation.rows import Row, from_json
from faceveil.evaluation.worker import Task, work
from faceveil.inference.device import usable_cores


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
        calls = ((t, config, p, output / "sheets", threads) for t, p in waiting)
        for _ in each_in_processes(jobs, work, calls):
            step()
    rows: list[Row] = []
    curves: list[Curve] = []
    for place in places:
        saved = json.loads(place.read_text())
        rows += from_json(saved["rows"])
        curves += [Curve(**(c | {k: tuple(c[k]) for k in "xy"})) for c in saved["curves"]]
    return rows, curves
