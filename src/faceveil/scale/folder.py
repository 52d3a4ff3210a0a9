"""A folder of photos: mirrored below the output, a file for a file."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from faceveil.errors import OutputError
from faceveil.files.batch import Existing, FileResult
from faceveil.files.jobs import Job, plan_jobs
from faceveil.files.paths import CLIP_SUFFIXES, OTHERS, SUFFIXES, is_clip, shown
from faceveil.scale.parts import Outcome, Part, Protect, failed, part_id
from faceveil.scale.storage import Store

_CLIP = "a clip; the ray engine does photos: run it with --engine local"


def plan(source: Store, output: Store, size: int) -> list[Part]:
    """Photos below the folder, ``size`` to a part, by name.

    Clips are problems: they are not passed over unseen.
    """
    found = _on_disk(source, output) if source.local else _in_store(source, output)
    parts = []
    for start in range(0, len(found), size):
        photos = found[start : start + size]
        identity = part_id("folder", *(f"{name}\0{length}" for name, length, _ in photos))
        names = tuple(name for name, _, _ in photos)
        problems = tuple((name, why) for name, _, why in photos if why)
        parts.append(Part(identity, "folder", names, problems=problems))
    return parts


def run(
    part: Part,
    source: Store,
    output: Store,
    protect: Protect,
    there_before: frozenset[str],
    existing: Existing,
) -> Iterator[Outcome]:
    """Protect the photos of a part and write them.

    Args:
        part: of :func:`plan`.
        source: where the photos are.
        output: where the results go.
        protect: protects one.
        there_before: outputs that were there before the part was first begun.
        existing: what happens to these.
    """
    problems = dict(part.problems)
    for name in part.names:
        if name in problems:
            yield failed(name, problems[name], "plan")
        elif name in there_before and existing != "overwrite":
            yield _kept(name, existing)
        else:
            yield _written(name, source, output, protect)


def _written(name: str, source: Store, output: Store, protect: Protect) -> Outcome:
    done = protect(name, lambda: source.read(name))
    if done.data is None:
        return done
    try:
        output.write(name, done.data)
    except OutputError as error:
        return failed(name, str(error), "write")
    return replace(done, data=None)


def _kept(name: str, existing: Existing) -> Outcome:
    why = "the output is already there"
    if existing == "error":
        return failed(name, f"{why}; choose --existing skip or overwrite", "write")
    return Outcome(name, FileResult(Path(name), Path(name), "skipped", why))


def _on_disk(source: Store, output: Store) -> list[tuple[str, int, str]]:
    """Names, bytes and problems as the local engine finds them."""
    target = Path(output.root if output.local else "/faceveil-output")
    jobs = plan_jobs([source.root], target)
    names = [
        os.path.relpath(job.source, source.root)
        if job.unknown
        else job.target.relative_to(target).as_posix()
        for job in jobs
    ]
    return [_look(source, n, job) for n, job in zip(names, jobs, strict=True)]


def _look(source: Store, name: str, job: Job) -> tuple[str, int, str]:
    try:
        name.encode()
    except UnicodeEncodeError:  # pyarrow cannot name it
        return shown(name), 0, "its name is not UTF-8; rename it"
    return name, source.size(name), _problem(job)


def _problem(job: Job) -> str:
    if job.unknown:
        return f"{job.unknown}: not looked at; protect it by other means, or leave it out"
    return job.problem or (_CLIP if is_clip(job.source) else "")


def _in_store(source: Store, output: Store) -> list[tuple[str, int, str]]:
    inside = output.root + "/" if output.filesystem == source.filesystem else "\0"
    found = []
    for name, size in source.files():
        suffix = posixpath.splitext(name)[1].lower()
        hidden = posixpath.basename(name).startswith(".")
        if hidden or source.path(name).startswith(inside):
            continue
        if suffix in SUFFIXES:
            found.append((name, size, ""))
        elif suffix in CLIP_SUFFIXES:
            found.append((name, size, _CLIP))
        elif suffix in OTHERS:
            found.append((name, size, f"{suffix}: not looked at; protect it by other means"))
    return found
