"""Many photos: bounded memory, a bad file is one line, nothing half-written."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from faceveil.errors import ExistingOutputError, FaceVeilError, NoFaceError
from faceveil.files.attributes import keep_attributes
from faceveil.files.jobs import Job
from faceveil.files.memory import memory_for
from faceveil.files.paths import is_clip
from faceveil.files.runs import Before, Runs
from faceveil.imaging.decode import MAX_PIXELS, decode_photo, read_photo
from faceveil.imaging.encode import encode_photo, placed
from faceveil.imaging.photo import Photo
from faceveil.protect.choose import Chosen
from faceveil.protect.given import GivenPhoto
from faceveil.protect.photo import PhotoOptions
from faceveil.types import Face, ProtectedFace

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

Status = Literal["protected", "no_face", "skipped", "failed"]
OnNoFace = Literal["skip", "copy", "fail"]
Existing = Literal["skip", "overwrite", "error"]
Persons = Literal["photo", "folder", "all"]


class PhotoProtector(Protocol):
    """What a batch needs of a protector."""

    def choose(
        self, photo: Photo, options: PhotoOptions, given: GivenPhoto | None = None
    ) -> Chosen:
        """Which faces of a decoded photo are to be protected."""
        ...

    def protect_loaded(
        self, photo: Photo, options: PhotoOptions, given: tuple[Face, ...] | None = None
    ) -> tuple[Photo, tuple[ProtectedFace, ...]]:
        """Protect those faces of a decoded photo."""
        ...


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How files are treated.

    Attributes:
        photo: what is done to each photo.
        existing: what happens where the output is already there.
        on_no_face: what happens to a photo without a face: no output, a copy (metadata stripped
            all the same), or a failure.
        keep_metadata: keep EXIF and XMP, where they may be kept.
        max_pixels: larger photos are refused.
        in_place: outputs are the inputs, so they are replaced whatever ``existing`` says.
        persons: whose photos they are, for random targets: each ``photo`` on its own, each
            ``folder`` one person's, or ``all`` one person's.
        time: seconds from and to of the part of each clip that is written; None for all of it.
        boxes: faces that are known, by source; the detector is not asked about those photos.
        runs: what earlier runs wrote into the output folder; None where nobody keeps a record.
    """

    photo: PhotoOptions
    existing: Existing = "skip"
    on_no_face: OnNoFace = "skip"
    keep_metadata: bool = False
    max_pixels: int = MAX_PIXELS
    in_place: bool = False
    persons: Persons = "photo"
    time: tuple[float, float] | None = None
    boxes: Mapping[Path, GivenPhoto] = field(default_factory=dict)
    runs: Runs | None = None

    def of(self, source: Path) -> PhotoOptions:
        """What is done to one photo."""
        if self.persons == "photo":
            return self.photo
        person = "all" if self.persons == "all" else f"folder {source.absolute().parent.name}"
        return replace(self.photo, person=person)

    def apart(self, source: Path) -> str:
        """What is said of one file alone: its boxes, its person, of a clip the part."""
        part = self.time if is_clip(source) else None
        return repr((self.of(source).person, self.boxes.get(source), part))

    def note(self, job: Job, temporary: Path, *, copied: bool) -> None:
        """Keep a record of a file that is about to take its name."""
        if self.runs is not None:
            own = self.apart(job.source)
            self.runs.note(job.target, job.source, temporary, own, copied=copied)

    @property
    def replaces(self) -> bool:
        """Whether an output that is there is written over."""
        return self.in_place or self.existing == "overwrite"


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        source: the photo.
        target: where its result is, or would be.
        status: ``protected``, ``no_face``, ``skipped`` (already there) or ``failed``.
        message: why, or what is missing in it, on one line; empty where all went well.
        faces: what was done to each face; in a clip, to each person.
        seconds: time spent on it.
        frames: of a clip; None for a photo.
        spans: of a clip: seconds of each person's first and last sight.
        warning: what is still to be looked at though the file is done; empty as a rule.
        withheld: metadata that went although ``keep_metadata`` was asked for.
        left_out: parts of the file that did not go along: other pictures, such as a gain map, and
            of a clip streams.
        left: faces that were found and, as the user wished, not protected.
        doubtful: places that may be faces, and were left as they are.
        before: what was under the output's name; see :data:`.runs.Before`.
    """

    source: Path
    target: Path
    status: Status
    message: str = ""
    faces: tuple[ProtectedFace, ...] = ()
    seconds: float = 0.0
    frames: int | None = None
    spans: tuple[tuple[float, float], ...] = ()
    warning: str = ""
    withheld: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    left: tuple[Face, ...] = ()
    doubtful: tuple[Face, ...] = ()
    before: Before = "nothing"


def protect_files(
    jobs: Iterable[Job], protector: PhotoProtector, options: BatchOptions, workers: int = 1
) -> Iterator[FileResult]:
    """Protect files, and yield what became of each in order.

    At most one photo per worker is in memory, and of large ones fewer (:mod:`.memory`).

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
    return guarded(
        job, lambda: unless_placed(job, options, lambda: _protect(job, protector, options))
    )


def guarded(job: Job, work: Callable[[], FileResult]) -> FileResult:
    """What work on a file comes to, errors and bugs included, with the time that it took."""
    start = time.perf_counter()
    try:
        done = work()
    except FaceVeilError as error:
        done = FileResult(job.source, job.target, "failed", str(error))
    except MemoryError:
        message = "out of memory; lower --jobs or --max-pixels"
        done = FileResult(job.source, job.target, "failed", message)
    except Exception as error:  # a bug must not end the batch, and must not pass unseen
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"unexpected {reason}; please report it"
        done = FileResult(job.source, job.target, "failed", message)
    return replace(done, seconds=time.perf_counter() - start)


def unless_placed(job: Job, options: BatchOptions, work: Callable[[], FileResult]) -> FileResult:
    """The work's result; ``skipped`` where another run writes the output in the meantime.

    Raises:
        FaceVeilError: as the work does.
    """
    try:
        return work()
    except ExistingOutputError:
        if options.existing == "skip":
            return skipped(job, before(job, options))
        raise


def before(job: Job, options: BatchOptions) -> Before:
    """What is under the output's name; ``nothing`` where that is replaced whatever it is.

    Raises:
        FaceVeilError: if the job cannot be done, or the output is there and must not be.
    """
    if job.problem:
        raise FaceVeilError(job.problem)
    if options.in_place or options.existing == "overwrite" or not os.path.lexists(job.target):
        return "nothing"
    if options.existing == "skip":
        if options.runs is None:
            return "unknown"
        own, copies = options.apart(job.source), options.on_no_face == "copy"
        return options.runs.before(job.target, job.source, own, copies=copies)
    raise FaceVeilError("the output is already there; choose --existing skip or overwrite")


def skipped(job: Job, there: Before) -> FileResult:
    """The result where the output that is there stays."""
    message = "the output is already there"
    message += "" if there == "same" else ", by other settings or another program"
    return FileResult(job.source, job.target, "skipped", message, before=there)


def again(result: FileResult, there: Before) -> FileResult:
    """The result, with what was there before."""
    if there == "other" and result.status == "no_face" and "nothing written" in result.message:
        message = f"{result.message}; what other settings made of it stays"
        result = replace(result, message=message)
    return replace(result, before=there)


def without_face(job: Job, options: BatchOptions, chosen: Chosen | None = None) -> FileResult:
    """The result where nobody was found or chosen, unless that is to be a failure.

    Args:
        job: the file.
        options: how.
        chosen: what else was seen in it, if anything.

    Raises:
        NoFaceError: if it is.
    """
    found = "no face found"
    if chosen is not None and chosen.left:
        count = len(chosen.left)
        found = f"none of {count} faces chosen" if count > 1 else "its face was not chosen"
    elif chosen is not None and chosen.doubtful:
        count = len(chosen.doubtful)
        found += f" ({count} place{'s' if count > 1 else ''} may be)"
    if options.on_no_face == "fail":
        raise NoFaceError(f"{found}; expected at least one; see --on-no-face")
    done = "copied" if options.on_no_face == "copy" else "nothing written"
    return FileResult(job.source, job.target, "no_face", f"{found}, {done}")


def _protect(job: Job, protector: PhotoProtector, options: BatchOptions) -> FileResult:
    there = before(job, options)
    if there in ("same", "unknown"):
        return skipped(job, there)
    data = read_photo(job.source, max_pixels=options.max_pixels)
    with memory_for(data, max_pixels=options.max_pixels):
        photo = [replace(decode_photo(data, max_pixels=options.max_pixels), spare=True)]
        result, encoded = protect_encoded(job, photo.pop(), protector, options)
        if encoded is not None:
            replaces = options.replaces or there == "other"
            with placed(job.target, overwrite=replaces) as temporary:
                with open(
                    os.open(temporary, _NEW, 0o600 if options.in_place else 0o666), "wb"
                ) as f:
                    f.write(encoded)
                if options.in_place:
                    keep_attributes(job.target, temporary)
                options.note(job, temporary, copied=not result.faces)
        return again(replace(result, warning=job.warning), there)


def protect_encoded(
    job: Job, photo: Photo, protector: PhotoProtector, options: BatchOptions
) -> tuple[FileResult, bytes | None]:
    """Protect a decoded photo, and encode it in its own format.

    Returns:
        What became of it, and the bytes to write; None where nothing is to be written.

    Raises:
        FaceVeilError: if it fails, or shows nobody and that is to be a failure.
    """
    own = options.of(job.source)
    chosen = protector.choose(photo, own, options.boxes.get(job.source))
    done, faces = protector.protect_loaded(photo, own, chosen.faces)
    result = FileResult(job.source, job.target, "protected", faces=faces)
    if not faces:
        result = without_face(job, options, chosen)
    result = replace(result, left=chosen.left, doubtful=chosen.doubtful, left_out=photo.dropped)
    if not faces and options.on_no_face == "skip":
        return result, None
    if options.keep_metadata:
        result = replace(result, withheld=photo.withheld)
    del photo  # large ones need the memory for the encoder
    return result, encode_photo(done, keep_metadata=options.keep_metadata)
