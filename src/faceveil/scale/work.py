"""One part, from its photos to its row in the manifest; what a worker does."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faceveil import __version__
from faceveil.errors import FaceVeilError, PhotoError
from faceveil.files.batch import (
    BatchOptions,
    FileResult,
    PhotoProtector,
    guarded,
    protect_encoded,
)
from faceveil.files.jobs import Job
from faceveil.files.paths import shown
from faceveil.files.reports import counts
from faceveil.imaging.decode import decode_photo
from faceveil.scale import folder, parquet, webdataset
from faceveil.scale.address import shown_address
from faceveil.scale.faces import face_table
from faceveil.scale.manifest import FOLDER, Beginning, Manifest, write_table
from faceveil.scale.parts import Outcome, Part, Protect, failed
from faceveil.scale.storage import Store


@dataclass(frozen=True, slots=True)
class Task:
    """What is the same for all parts of a job.

    Attributes:
        source: where the input is, as the user named it, absolute or a complete address.
        output: where results go.
        options: how photos are treated.
        method: arguments of :func:`faceveil.load_protector`.
        column: of Parquet, the column of images; None finds it.
        faces: write what was found and done to each face.
        copied: columns of Parquet, endings in a tar, that are copied though they may hold pictures.
        version: of FaceVeil, where the job began.
    """

    source: str
    output: str
    options: BatchOptions
    method: dict[str, Any]
    column: str | None = None
    faces: bool = False
    copied: tuple[str, ...] = ()
    version: str = __version__


class Bench:
    """A protector and the folders that it works between, kept for part after part.

    Args:
        task: the job.
        source: its input.
        output: where results go.
        protector: loaded once.
    """

    def __init__(self, task: Task, source: Store, output: Store, protector: PhotoProtector) -> None:
        self.task, self.source, self.output, self.protector = task, source, output, protector
        self.manifest = Manifest(output)

    def do(self, part: Part) -> dict[str, Any]:
        """Protect a part, unless that is done, and return its row of the manifest.

        Raises:
            OutputError: if nothing can be written.
        """
        row = self.manifest.row(part)
        if row is not None:
            return row
        start, busy = time.perf_counter(), time.process_time()
        beginning = self.manifest.begin(part)
        sizes = {"bytes_in": 0, "bytes_out": 0}
        protect = self._protect(part, beginning, sizes)
        outcomes: list[Outcome] = []
        try:
            for outcome in self._outcomes(part, beginning.there, protect):
                outcomes.append(replace(outcome, data=None))
        except PhotoError as error:  # a shard that is gone since the plan was made
            outcomes.append(failed(shown(part.names[0]), str(error), "read"))
        except FaceVeilError:  # nothing can be written, or a wrong call: the job's affair
            raise
        except Exception as error:  # what a hostile file makes a library raise is that part's
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            kept = [o for o in outcomes if part.layout == "folder"]  # of a shard nothing is written
            why = f"unexpected {reason}; nothing of it is written; please report it"
            outcomes = [*kept, failed(shown(part.names[0]), why, "read")]
        if self.task.faces and part.layout != "parquet":
            write_table(self.output, f"{FOLDER}/faces/{part.id}.parquet", face_table(outcomes))
        row = {
            "id": part.id,
            "first": part.names[0],
            "last": part.names[-1],
            "counts": counts([o.result for o in outcomes]),
            "faces": sum(len(o.result.faces) for o in outcomes),
            "left": sum(len(o.result.left) for o in outcomes),
            "doubtful": sum(len(o.result.doubtful) for o in outcomes),
            **sizes,
            "seconds": round(time.perf_counter() - start, 3),
            "cpu_seconds": round(time.process_time() - busy, 3),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "begun": beginning.times + 1,
            "host": socket.gethostname(),
            "process": os.getpid(),
        }
        self.manifest.commit(row, [o for o in outcomes if o.status == "failed"])
        return row

    def _outcomes(self, part: Part, there: frozenset[str], protect: Protect) -> Iterator[Outcome]:
        task, existing = self.task, self.task.options.existing
        if part.layout == "folder":
            return folder.run(part, self.source, self.output, protect, there, existing)
        if there and existing != "overwrite":
            why = f"{part.output} is already there, from elsewhere; choose --existing overwrite"
            return iter([failed(part.names[0], why, "write")])
        if part.layout == "parquet":
            return parquet.run(
                part, self.source, self.output, protect, task.column, task.faces, task.copied
            )
        return webdataset.run(part, self.source, self.output, protect, task.copied)

    def _protect(self, part: Part, beginning: Beginning, sizes: dict[str, int]) -> Protect:
        def protect(record: str, read: Callable[[], bytes]) -> Outcome:
            if record in beginning.deadly:
                why = "the worker died on it twice; look at it, and report it"
                return failed(record, why, "crash")
            if beginning.times:
                self.manifest.mark(part, record)
            try:
                data = read()
            except PhotoError as error:
                return failed(record, str(error), "read")
            done = protect_bytes(record, data, self.protector, self.task)
            sizes["bytes_in"] += len(data)
            sizes["bytes_out"] += len(done.data or b"")
            return done

        return protect


def protect_bytes(record: str, data: bytes, protector: PhotoProtector, task: Task) -> Outcome:
    """Protect an encoded photo, as the local engine does. Never raises.

    Args:
        record: its name.
        data: its bytes.
        protector: the method.
        task: the job.
    """
    path = Path(shown_address(task.source)) / record
    made: list[bytes | None] = [None]

    def work() -> FileResult:
        photo = decode_photo(data, max_pixels=task.options.max_pixels)
        result, made[0] = protect_encoded(Job(path, path), photo, protector, task.options)
        return result

    result = guarded(Job(path, path), work)
    return Outcome(record, result, data=None if result.status == "failed" else made[0])
