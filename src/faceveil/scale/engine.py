"""Parts spread over workers by Ray Data; each worker is an actor that holds the networks."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from faceveil.errors import FaceVeilError, MissingExtraError
from faceveil.scale.parts import Part
from faceveil.scale.storage import open_store
from faceveil.scale.work import Bench, Task

MAX_BLOCKS = 10_000
"""Blocks that Ray keeps account of; of more parts, several share a block."""

STORE_BYTES = 200_000_000
"""Ray's shared memory on this machine: only names of parts and rows of the manifest pass it."""


class Worker:
    """What Ray keeps in each worker process.

    Args:
        task: the job.
        threads: of the networks.
    """

    def __init__(self, task: Task, threads: int) -> None:
        import cv2

        from faceveil import load_protector

        cv2.setNumThreads(threads)
        protector = load_protector(**task.method, threads=threads)
        self.bench = Bench(task, open_store(task.source), open_store(task.output), protector)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Do parts, and give back their rows of the manifest."""
        rows = [self.bench.do(Part.from_json(str(text))) for text in batch["part"]]
        return {"row": [json.dumps(row) for row in rows]}


def run_parts(
    parts: Sequence[Part], task: Task, workers: int, threads: int
) -> Iterator[dict[str, Any]]:
    """Do parts on the cluster that :func:`cluster` joined; rows of the manifest as they come.

    A worker that dies is replaced, and its part done again.

    Args:
        parts: what is not done yet.
        task: the job.
        workers: how many.
        threads: cores of each.

    Raises:
        FaceVeilError: if a worker cannot start or write.
    """
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Which worker gets which part is left free: results do not depend on it.
    items = [{"part": part.to_json()} for part in parts]
    blocks = min(len(items), MAX_BLOCKS)
    data = ray.data.from_items(items, override_num_blocks=blocks).map_batches(
        Worker,
        fn_constructor_args=(task, threads),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(items))),
        num_cpus=threads,
    )
    try:
        for found in data.iter_rows():
            yield json.loads(found["row"])
    except ray.exceptions.RayError as error:
        raise FaceVeilError(f"a worker failed: {_cause(error)}; what is done is kept") from error


@contextlib.contextmanager
def cluster(address: str | None, workers: int, threads: int) -> Iterator[None]:
    """Ray, for the block: one on this machine, or the cluster of that address.

    Where this process runs Ray already, that is taken, and goes on afterwards.

    Nothing is reported to anybody: usage statistics and the dashboard are off.

    Raises:
        MissingExtraError: if Ray is not installed.
        FaceVeilError: if it does not start, or the cluster does not answer.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError(
            '--engine ray needs Ray, which is absent; expected: pip install "faceveil[scale]"'
        ) from error
    if ray.is_initialized():
        yield
        return
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    own: dict[str, Any] = {
        "num_cpus": workers * threads,
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
    }
    try:
        with _silent():
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if address else own),
            )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        first: BaseException = error
        while first.__cause__ is not None:  # Ray's last error says only that it did not work
            first = first.__cause__
        raise FaceVeilError(f"Ray does not start: {_cause(first)}; see --address") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Within the block nothing reaches stderr: Ray's native part tells there how much it logs.

    What goes wrong is raised, not printed.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _cause(error: BaseException) -> str:
    """The last line that says something: Ray's messages are whole tracebacks."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
