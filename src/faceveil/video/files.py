"""Clips as files: existing outputs, clips without a face, whole files or none."""

from __future__ import annotations

from dataclasses import replace

from faceveil.files.attributes import keep_attributes
from faceveil.files.batch import (
    BatchOptions,
    FileResult,
    guarded,
    is_done,
    skipped,
    unless_placed,
    without_face,
)
from faceveil.files.jobs import Job
from faceveil.imaging.encode import placed
from faceveil.inference.device import usable_cores
from faceveil.protect.targets import strength_of
from faceveil.video.clip import ClipProtector, Progress, copy_clip, look_at, protect_clip
from faceveil.video.encoders import container_of
from faceveil.video.reader import Reader
from faceveil.video.writer import WriteOptions


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
    if is_done(job, options):
        return skipped(job)
    container_of(job.target.suffix)  # before an hour is spent on it
    write = WriteOptions(job.target.suffix, options.keep_metadata, threads)
    workers = threads or usable_cores()
    with Reader(job.source, threads, options.max_pixels) as clip:
        plan = look_at(clip, protector, options.of(job.source), progress, workers)
        if not plan.chosen:
            result = replace(without_face(job, options), frames=plan.frames)
            if options.on_no_face == "copy":
                with placed(job.target, overwrite=options.replaces) as temporary:
                    copy_clip(clip, temporary, write)
                    if options.in_place:
                        keep_attributes(job.target, temporary)
            return result
        with placed(job.target, overwrite=options.replaces) as temporary:
            strength = strength_of(protector.crop_protector, options.photo.strength)
            done = protect_clip(clip, plan, strength, temporary, write, progress, workers)
            if options.in_place:
                keep_attributes(job.target, temporary)
    return FileResult(
        job.source,
        job.target,
        "protected",
        faces=done.faces,
        frames=done.frames,
        spans=done.spans,
        warning=job.warning,
    )
