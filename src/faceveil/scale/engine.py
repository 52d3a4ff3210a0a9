"""Parts spread over workers by Ray Data; each worker is an actor that holds the networks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from faceveil.errors import FaceVeilError, OptionError
from faceveil.scale.parts import Part
from faceveil.scale.storage import open_store
from faceveil.scale.token import last_line
from faceveil.scale.work import Bench, Task

DEATHS = 3
"""Workers in a row that may end while they start: more is no accident."""

MAX_BLOCKS = 10_000
"""Blocks that Ray keeps account of; of more parts, several share a block."""


class Worker:
    """What Ray keeps in each worker process.

    Args:
        task: the job.
        threads: of the networks.

    Raises:
        OptionError: if another version of FaceVeil is installed here.
    """

    def __init__(self, task: Task, threads: int) -> None:
        import cv2

        from faceveil import __version__, load_protector
        from faceveil.files.memory import hand_back_large_blocks
        from faceveil.imaging.decode import lift_pillow_limit

        if task.version != __version__:
            raise OptionError(
                f"{socket.gethostname()}: has FaceVeil {__version__}; expected {task.version}, as "
                "where the job began"
            )
        hand_back_large_blocks()
        lift_pillow_limit()
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
    """Do parts on the Ray that runs; rows of the manifest as they come.

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
    if hasattr(context, "max_consecutive_actor_init_deaths"):  # a node lost while workers start
        context.max_consecutive_actor_init_deaths = DEATHS
    # Which worker gets which part is left free: results do not depend on it.
    items = [{"part": part.to_json()} for part in parts]
    blocks = min(len(items), MAX_BLOCKS)
    data = ray.data.from_items(items, override_num_blocks=blocks).map_batches(
        Worker,
        fn_constructor_args=(task, threads),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(items))),
        num_cpus=threads,
        num_gpus=1 if task.method.get("device") == "cuda" else None,
    )
    try:
        for found in data.iter_rows():
            yield json.loads(found["row"])
    except ray.exceptions.RayError as error:
        raise FaceVeilError(
            f"a worker failed: {last_line(str(error))}; what is done is kept"
        ) from error
