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
from faceveil.video.container import encodable, fits, kinds_of, lay_out
from faceveil.video.metadata import tags_gone
from faceveil.video.reader import Reader
from faceveil.video.writer import WriteOptions, check_writable


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
                return result
        with placed(job.target, overwrite=options.replaces) as temporary:
            if plan.chosen:
                strength = strength_of(protector.crop_protector, options.photo.strength)
                done = protect_clip(clip, plan, strength, temporary, write, progress, workers)
                result = replace(result, faces=done.faces, spans=done.spans)
            else:
                copy_clip(clip, plan, temporary, write)
            if options.in_place:
                keep_attributes(job.target, temporary)
    return replace(
        result,
        message="; ".join(filter(None, (result.message, *layout.notes))),
        warning=job.warning,
        left_out=(*layout.missed, *gone),
        withheld=gone if options.keep_metadata else (),
    )
