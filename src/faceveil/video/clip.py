"""One clip, end to end: looked at once, then protected; the whole file is written or none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from faceveil.errors import ClipError, OptionError
from faceveil.files.attributes import keep_attributes
from faceveil.files.batch import (
    BatchOptions,
    FileResult,
    again,
    before,
    guarded,
    skipped,
    unless_placed,
    without_face,
)
from faceveil.files.jobs import Job
from faceveil.imaging.detect import Detector, NearDetector
from faceveil.imaging.encode import placed
from faceveil.inference.device import usable_cores
from faceveil.protect.base import CropProtector
from faceveil.protect.estimator import GenderEstimator
from faceveil.protect.photo import PhotoOptions
from faceveil.protect.targets import UNKNOWN, gender_name, strength_of, target_names
from faceveil.types import ProtectedFace
from faceveil.video.container import encodable, fits, kinds_of, lay_out
from faceveil.video.finding import find_faces
from faceveil.video.people import Decider
from faceveil.video.plan import Plan, Planner
from faceveil.video.reader import Reader
from faceveil.video.render import Renderer
from faceveil.video.writer import WriteOptions, check_writable, tags_gone, writing


class ClipProtector(Protocol):
    """What clips need of a protector."""

    crop_protector: CropProtector
    estimator: GenderEstimator
    detector: Detector


Progress = Callable[[int, int], None]
"""Called after each frame with the steps done and the steps in all, as far as is known: each frame
is two steps."""


@dataclass(frozen=True, slots=True)
class ProtectedClip:
    """What was done to a clip.

    Attributes:
        faces: one entry per protected person, as first seen.
        spans: seconds of each one's first and last sight.
        frames: how many there are.
    """

    faces: tuple[ProtectedFace, ...]
    spans: tuple[tuple[float, float], ...]
    frames: int


def look_at(
    clip: Reader,
    protector: ClipProtector,
    options: PhotoOptions,
    progress: Progress | None = None,
    workers: int = 1,
) -> Plan:
    """The first pass: who is where, and what each shall read as.

    Args:
        clip: freshly opened.
        protector: method, estimator and detector.
        options: what to do.
        progress: told after each frame.
        workers: frames in which faces are looked for at the same time.
    """
    if options.aligned:
        raise OptionError("aligned: not for clips; leave it out")
    decider = Decider(protector.crop_protector, protector.estimator, options)
    planner, expected = Planner(decider), clip.frames
    frames = ((picture.shown(), picture.seconds) for picture in clip.pictures())
    with ThreadPoolExecutor(workers, thread_name_prefix="faceveil") as pool:
        found = find_faces(frames, protector.detector, pool, workers)
        for count, (rgb, seconds, faces) in enumerate(found, 1):
            planner.add(rgb, seconds, faces)
            if progress is not None:
                progress(count, 2 * max(expected, count))
    if isinstance(protector.detector, NearDetector):
        protector.detector.release()  # the second pass needs the memory
    return planner.finish(options.faces)


def protect_clip(
    clip: Reader,
    plan: Plan,
    strength: float,
    target: Path,
    options: WriteOptions,
    progress: Progress | None = None,
    workers: int = 1,
) -> ProtectedClip:
    """The second pass: protect and write.

    Args:
        clip: read once.
        plan: of :func:`look_at`.
        strength: 0 leaves frames as they are, 1 is the full change.
        target: where to write.
        options: how.
        progress: told after each frame.
        workers: faces that are protected at the same time.

    Raises:
        ClipError: if the clip is no longer what it was.
        OutputError: if it cannot be written.
    """
    clip.rewind()
    renderer, count = Renderer(plan, strength, workers), 0
    with renderer, writing(target, clip, options) as writer:
        for picture in renderer(clip.pictures(writer.copy)):
            writer.add(picture)
            count += 1
            if progress is not None:
                progress(plan.frames + count, 2 * plan.frames)
    if count != plan.frames:
        raise ClipError(f"{plan.frames} frames at first, then {count}; was it being written?")
    numbers = sorted(plan.chosen)
    faces = tuple(_describe(plan, n, renderer.mean_change.get(n, 0.0)) for n in numbers)
    return ProtectedClip(faces, tuple(plan.span(n) for n in numbers), count)


def copy_clip(clip: Reader, plan: Plan, target: Path, options: WriteOptions) -> None:
    """Write a clip in which nobody is, without its metadata: all packets as they are.

    Where its codec must change, or only a part is written, its frames are encoded instead.

    Args:
        clip: read once.
        plan: of :func:`look_at`.
        target: where to write.
        options: how.
    """
    if (
        clip.part is not None
        or options.layout.codec != clip.stream.codec_context.codec.canonical_name
    ):
        protect_clip(clip, plan, 0.0, target, options)
        return
    clip.rewind()
    with writing(target, clip, replace(options, encode=False)) as writer:
        for packet in clip.packets():
            writer.copy(packet)


def _describe(plan: Plan, number: int, mean_change: float) -> ProtectedFace:
    person = plan.people[number]
    return ProtectedFace(
        face=plan.tracks[number].first,
        gender=gender_name(person.male),
        gender_given=person.p_male is None and person.male != UNKNOWN,
        p_male=person.p_male,
        target=target_names([person.target])[0],
        mean_change=mean_change,
    )


def protect_clip_file(
    job: Job,
    protector: ClipProtector,
    options: BatchOptions,
    threads: int = 0,
    progress: Progress | None = None,
) -> FileResult:
    """Protect one clip. Never raises for a bad file: the result says what was wrong.

    Args:
        job: the clip and where its result goes.
        protector: method, estimator and detector.
        options: how.
        threads: of decoder and encoder, and frames at the same time; 0 takes all cores.
        progress: told after each frame.
    """

    def work() -> FileResult:
        return _protect(job, protector, options, threads, progress)

    done = guarded(job, lambda: unless_placed(job, options, work))
    return done if done.frames is not None else replace(done, frames=0)


def _protect(
    job: Job,
    protector: ClipProtector,
    options: BatchOptions,
    threads: int,
    progress: Progress | None,
) -> FileResult:
    there = before(job, options)
    if there in ("same", "unknown"):
        return skipped(job, there)
    workers, suffix = threads or usable_cores(), job.target.suffix
    with Reader(job.source, threads, options.max_pixels, options.time) as clip:
        same = suffix.lower() == job.source.suffix.lower()
        content = clip.container.format.name if same else ""
        layout = lay_out(suffix, content, kinds_of(clip.container.streams), encodable(), fits)
        write = WriteOptions(layout, options.keep_metadata, threads)
        gone = (*layout.left_out, *tags_gone(clip.container, keep=options.keep_metadata))
        check_writable(clip, write)  # before an hour is spent on it
        plan = look_at(clip, protector, options.of(job.source), progress, workers)
        result = FileResult(job.source, job.target, "protected", frames=plan.frames)
        if not plan.chosen:
            result = replace(without_face(job, options), frames=plan.frames)
            if options.on_no_face == "skip":
                return again(result, there)
        with placed(job.target, overwrite=options.replaces or there == "other") as temporary:
            if plan.chosen:
                strength = strength_of(protector.crop_protector, options.photo.strength)
                done = protect_clip(clip, plan, strength, temporary, write, progress, workers)
                result = replace(result, faces=done.faces, spans=done.spans)
            else:
                copy_clip(clip, plan, temporary, write)
            if options.in_place:
                keep_attributes(job.target, temporary)
            options.note(job, temporary, copied=not plan.chosen)
    return replace(
        result,
        message="; ".join(filter(None, (result.message, *layout.notes))),
        warning=job.warning,
        left_out=(*layout.missed, *gone),
        withheld=gone if options.keep_metadata else (),
        before=there,
    )
