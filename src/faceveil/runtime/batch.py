"""Many photos: bounded memory, a bad file is one line, nothing half-written."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from faceveil.errors import FaceVeilError, NoFaceError
from faceveil.imaging.decode import MAX_PIXELS, load_photo
from faceveil.imaging.encode import encode_photo, write_atomic
from faceveil.imaging.photo import Photo
from faceveil.protectors.photo import PhotoOptions
from faceveil.runtime.paths import Job
from faceveil.types import ProtectedFace

Status = Literal["protected", "no_face", "skipped", "failed"]
OnNoFace = Literal["skip", "copy", "fail"]
Existing = Literal["skip", "overwrite", "error"]


class PhotoProtector(Protocol):
    """What a batch needs of a protector."""

    def protect_loaded(
        self, photo: Photo, options: PhotoOptions
    ) -> tuple[Photo, tuple[ProtectedFace, ...]]:
        """Protect a decoded photo; no faces means that none was found."""
        ...


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How files are treated.

    Attributes:
        photo: what is done to each photo.
        existing: what happens where the output is already there.
        on_no_face: what happens to a photo without a face: no output, a copy (metadata stripped
            all the same), or a failure.
        keep_metadata: keep EXIF, ICC profile and XMP.
        max_pixels: larger photos are refused.
        in_place: outputs are the inputs, so they are replaced whatever ``existing`` says.
    """

    photo: PhotoOptions
    existing: Existing = "skip"
    on_no_face: OnNoFace = "skip"
    keep_metadata: bool = False
    max_pixels: int = MAX_PIXELS
    in_place: bool = False


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        source: the photo.
        target: where its result is, or would be.
        status: ``protected``, ``no_face``, ``skipped`` (already there) or ``failed``.
        message: why, on one line; empty where all went well.
        faces: what was done to each face.
        seconds: time spent on it.
    """

    source: Path
    target: Path
    status: Status
    message: str = ""
    faces: tuple[ProtectedFace, ...] = ()
    seconds: float = 0.0


def protect_files(
    jobs: Iterable[Job], protector: PhotoProtector, options: BatchOptions, workers: int = 1
) -> Iterator[FileResult]:
    """Protect files, and yield what became of each in order.

    At most two photos per worker are in memory, however many there are.

    Args:
        jobs: what is to be done.
        protector: shared by all workers.
        options: how.
        workers: photos at the same time.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="faceveil") as pool:
        window: deque[Future[FileResult]] = deque()
        try:
            for job in jobs:
                window.append(pool.submit(protect_file, job, protector, options))
                if len(window) >= 2 * workers:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            for future in window:
                future.cancel()


def protect_file(job: Job, protector: PhotoProtector, options: BatchOptions) -> FileResult:
    """Protect one file. Never raises for a bad file: the result says what was wrong."""
    start = time.perf_counter()
    try:
        status, message, faces = _protect(job, protector, options)
    except FaceVeilError as error:
        status, message, faces = "failed", str(error), ()
    except MemoryError:
        status, message, faces = "failed", "out of memory; lower --jobs or --max-pixels", ()
    except Exception as error:  # a bug must not end the batch, and must not pass unseen
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        status, message, faces = "failed", f"unexpected {reason}; please report it", ()
    seconds = time.perf_counter() - start
    return FileResult(job.source, job.target, status, message, faces, seconds)


def _protect(
    job: Job, protector: PhotoProtector, options: BatchOptions
) -> tuple[Status, str, tuple[ProtectedFace, ...]]:
    if job.problem:
        raise FaceVeilError(job.problem)
    if not options.in_place and options.existing != "overwrite" and os.path.lexists(job.target):
        if options.existing == "skip":
            return "skipped", "the output is already there", ()
        raise FaceVeilError("the output is already there; choose --existing skip or overwrite")
    photo = load_photo(job.source, max_pixels=options.max_pixels)
    done, faces = protector.protect_loaded(photo, options.photo)
    if not faces:
        if options.on_no_face == "fail":
            raise NoFaceError("no face found; expected at least one; see --on-no-face")
        if options.on_no_face == "skip":
            return "no_face", "no face found, nothing written", ()
    replace = options.in_place or options.existing == "overwrite"
    encoded = encode_photo(done, keep_metadata=options.keep_metadata)
    write_atomic(encoded, job.target, overwrite=replace)
    return ("protected", "", faces) if faces else ("no_face", "no face found, copied", ())
