"""``faceveil protect``: photos, clips and folders in, protected copies out."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.cli.device import add_arguments as add_device
from faceveil.cli.live import add_arguments as add_live
from faceveil.cli.scale import add_arguments as add_scale
from faceveil.errors import OptionError

if TYPE_CHECKING:
    from faceveil.files.batch import BatchOptions, FileResult
    from faceveil.files.jobs import Job
    from faceveil.protect.protector import Protector


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "protect",
        help="protect photos and clips",
        description="Protect the faces in photos and clips. Folders are walked and mirrored. "
        "Exit code 0 only if nothing failed.",
    )
    p.add_argument("inputs", nargs="*", metavar="INPUT", help="file, folder or glob pattern")
    where = p.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", metavar="DIR", help="folder of the results")
    where.add_argument("--in-place", action="store_true", help="write over the inputs")
    p.add_argument("--method", default="default", help="protector (see: faceveil models)")
    p.add_argument(
        "--stages",
        type=int,
        metavar="N",
        help="flowsan: how many stages (default: 3); ensemble: how many SANs (default: all)",
    )
    p.add_argument(
        "--combine",
        choices=("avg", "gibbs"),
        help="ensemble: average the outputs (default), or draw one of them",
    )
    p.add_argument(
        "--hide",
        metavar="WHAT,...",
        help="gender-an, privacynet: what to hide, some of gender, age, race (default: gender)",
    )
    p.add_argument(
        "--gender",
        choices=("auto", "male", "female"),
        default="auto",
        help="gender to start from; auto estimates it (default)",
    )
    p.add_argument(
        "--target",
        choices=("opposite", "neutral", "random", "same"),
        help="what faces should read as (default: random, by a key that only this machine has; "
        "methods other than the default: opposite, with --key or --persons random)",
    )
    p.add_argument(
        "--strength",
        type=float,
        metavar="0..1",
        help="0 changes nothing, 1 hides most and costs some matching (default: 0.8; blur, "
        "pixelate, black-box: 1)",
    )
    p.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="decides random choices in place of a key: anybody can repeat them",
    )
    p.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="secret for random targets, at least 16 random bytes: nobody without it can tell them "
        "(default: the file that FACEVEIL_KEY names, or one made for you on first use)",
    )
    p.add_argument(
        "--persons",
        choices=("photo", "folder", "all"),
        default="photo",
        help="who gets one random target: each photo (default), each folder's person, all alike",
    )
    p.add_argument(
        "--faces",
        default="all",
        metavar="all|largest|I,J",
        help="which faces; numbers count from 0, left to right, in clips by first appearance "
        "(default: all)",
    )
    p.add_argument(
        "--aligned",
        action="store_true",
        help="inputs are square canonical face crops: nothing is detected",
    )
    p.add_argument(
        "--on-no-face",
        choices=("skip", "copy", "fail"),
        default="skip",
        help="photo or clip without a face: write nothing (default), copy it without its "
        "metadata, or count it as failed",
    )
    p.add_argument(
        "--on-unknown",
        choices=("fail", "skip"),
        default="fail",
        help="pictures and clips in a folder that cannot be read (a GIF, a linked folder): say "
        "which and end with exit code 1 (default), or pass over them",
    )
    p.add_argument(
        "--time",
        metavar="FROM-TO",
        help="only this part of each clip, such as 00:10-00:25 or 1:30- (to the end)",
    )
    p.add_argument(
        "--existing",
        choices=("skip", "overwrite", "error"),
        default="skip",
        help="output already there: default skip, so that a stopped run goes on",
    )
    p.add_argument(
        "--keep-metadata",
        action="store_true",
        help="keep camera, time and place of EXIF, XMP and clips "
        "(stripped by default; the colour profile always stays)",
    )
    p.add_argument(
        "--max-pixels",
        type=int,
        default=100_000_000,
        metavar="N",
        help="refuse larger photos and frames (default: 100,000,000; a photo takes about 20 bytes "
        "a pixel)",
    )
    p.add_argument(
        "--jobs",
        type=int,
        default=0,
        metavar="N",
        help="photos at the same time, threads for a clip (default: one per core)",
    )
    add_device(p)
    p.add_argument(
        "--check",
        action="store_true",
        help="read every written photo again and say whether it worked, as faceveil check does; "
        "exit code 1 where it did not",
    )
    p.add_argument(
        "--report",
        type=Path,
        metavar="FILE.json",
        help="write what was done as JSON, naming nobody's gender",
    )
    p.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.html",
        help="with --check: write a page of the faces before and after, those on which it did not "
        "work first",
    )
    p.add_argument("-q", "--quiet", action="store_true", help="no progress bar and no summary")
    add_scale(p)
    add_live(p)
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace, protector: Protector | None = None) -> int:
    """Protect; returns 0 if nothing failed, 1 otherwise.

    Args:
        arguments: the parsed command line.
        protector: in place of the one that ``--method`` names (for tests).
    """
    import cv2

    from faceveil.cli.batches import run_clips, run_photos
    from faceveil.cli.check import write_sheet
    from faceveil.cli.checked import check_results, tell_checked
    from faceveil.cli.live import run_live
    from faceveil.cli.scale import run_scale
    from faceveil.files.jobs import plan_jobs
    from faceveil.files.memory import hand_back_large_blocks
    from faceveil.files.paths import is_clip, shown
    from faceveil.files.reports import (
        counts,
        left_out,
        summary,
        write_report,
    )
    from faceveil.imaging.decode import lift_pillow_limit
    from faceveil.imaging.encode import remove_stale
    from faceveil.inference.device import usable_cores

    hand_back_large_blocks()
    lift_pillow_limit()
    options = _options(arguments)
    if arguments.camera is not None:
        cv2.setNumThreads(1)  # frames side by side, each on one core
        workers = arguments.jobs or usable_cores()
        return run_live(arguments, options, protector or _load(arguments, options, 1), workers)
    if not arguments.inputs:
        raise OptionError("no INPUT; expected files, folders or glob patterns, or --camera")
    if arguments.engine == "ray":
        return run_scale(arguments, options)
    if arguments.output == "-":
        raise OptionError("--output -: photos and clips cannot go to a pipe; expected a folder")
    output = None if arguments.output is None else Path(arguments.output)
    jobs = plan_jobs(arguments.inputs, output, in_place=arguments.in_place)
    left = [job for job in jobs if job.unknown]
    jobs = [job for job in jobs if not job.unknown]
    if not jobs:
        also = left_out(left)
        raise OptionError(
            f"{shown(' '.join(arguments.inputs))}: no photos there; expected JPEG, PNG, WebP, BMP "
            f"or TIFF files, or clips{'; ' if also else ''}{also}"
        )
    clips = [job for job in jobs if is_clip(job.source)]
    photos = [job for job in jobs if not is_clip(job.source)]
    _check_time(options, clips)
    cores = usable_cores()
    workers = min(arguments.jobs or cores, max(len(photos), 1))
    # One clip at a time, on as many cores as there are jobs for photos.
    threads = arguments.jobs or cores
    _check_places(arguments, jobs)
    remove_stale({job.target.parent for job in jobs})
    start = time.perf_counter()
    results: list[FileResult] = []
    if photos:
        each = max(1, cores // workers)
        cv2.setNumThreads(each)  # several photos at once leave one core for each
        method = protector or _load(arguments, options, each)
        results += run_photos(photos, method, options, workers, arguments.quiet)
    if clips:
        cv2.setNumThreads(1)  # frames side by side, each on one core
        method = protector or _load(arguments, options, 1, told=bool(photos))
        results += run_clips(clips, method, options, threads, arguments.quiet)
    checked = check_results(results if arguments.check else [], method, options, workers)
    write_sheet(arguments.sheet, checked)
    device = method.device
    if arguments.report is not None:
        from faceveil.cli.report import report_of

        text = report_of(arguments, method, options, results, left, checked)
        write_report(arguments.report, text)
    if not arguments.quiet:
        print(summary(results, time.perf_counter() - start, device), file=sys.stderr)
        tell_checked(checked)
        _tell(arguments, _meaning(method, options))
    if left and arguments.on_unknown == "fail":
        print(f"{left_out(left)}; if that is right, --on-unknown skip", file=sys.stderr)
        return 1
    bad = counts(results)["failed"] or any(r.warning for r in results)
    return 1 if bad or not all(row.passed for row in checked) else 0


def _check_places(arguments: argparse.Namespace, jobs: list[Job]) -> None:
    """Refuse a report or sheet over a file of the run, before anything is done."""
    from faceveil.files.reports import check_report

    key = [] if arguments.key is None else [arguments.key]
    kept = [*(path for job in jobs for path in (job.source, job.target)), *key]
    for flag, path in (("--report", arguments.report), ("--sheet", arguments.sheet)):
        if path is not None:
            check_report(path, kept, flag)


def _meaning(method: Protector, options: BatchOptions) -> str:
    """What a random target means, where targets are drawn."""
    return COIN if options.photo.aim(method.crop_protector).target == "random" else ""


def _options(arguments: argparse.Namespace) -> BatchOptions:
    from faceveil.cli.checked import may_check
    from faceveil.files.batch import BatchOptions
    from faceveil.protect.photo import PhotoOptions

    a = arguments
    if a.jobs < 0:
        raise OptionError(f"--jobs: got {a.jobs}; expected 1 or more, or 0 for all cores")
    if a.max_pixels < 1:
        raise OptionError(f"--max-pixels: got {a.max_pixels}; expected 1 or more")
    may_check(a)
    gender = None if a.gender == "auto" else a.gender
    if a.persons != "photo" and a.target not in (None, "random"):
        raise OptionError("--persons: it decides random targets; add --target random")
    if a.persons != "photo" and a.seed is not None and a.key is None:
        raise OptionError(
            "--persons: anybody can compute targets from --seed; give --key in its place"
        )
    photo = PhotoOptions(a.faces, gender, a.target, a.strength, a.seed, a.aligned, _key(a))
    return BatchOptions(
        photo,
        a.existing,
        a.on_no_face,
        a.keep_metadata,
        a.max_pixels,
        a.in_place,
        a.persons,
        _part(a),
    )


def _part(a: argparse.Namespace) -> tuple[float, float] | None:
    if a.time is None:
        return None
    from faceveil.video.times import parse_part

    for given, name in (
        (a.in_place, "--in-place, which would throw the rest of the clip away; state --output"),
        (a.camera is not None, "--camera"),
        (a.engine == "ray", "--engine ray"),
    ):
        if given:
            raise OptionError(f"--time: not with {name}")
    return parse_part(a.time)


def _check_time(options: BatchOptions, clips: list[Job]) -> None:
    if options.time is not None and not clips:
        raise OptionError("--time: for clips, and there are only photos; leave it out")


def _key(arguments: argparse.Namespace) -> bytes:
    from faceveil.protect.keys import read_key

    if arguments.key is None:
        return b""
    try:
        key = read_key(arguments.key)
    except OptionError as error:
        raise OptionError(f"--key: {error}") from error
    _tell(arguments, key.told)
    return key.secret


def _tell(arguments: argparse.Namespace, line: str) -> None:
    if line and not arguments.quiet:
        print(line, file=sys.stderr)


COIN = (
    "what software says of these faces is now a coin toss that only your key knows; it may still "
    "say the truth (--target opposite or neutral for a photo that must not)"
)
"""What a random target means, in one sentence."""


def method_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of :func:`faceveil.load_protector` that the command line states."""
    hide = arguments.hide
    return {
        "name": arguments.method,
        "stages": arguments.stages,
        "combine": arguments.combine,
        "hide": None if hide is None else tuple(hide.split(",")),
        "seed": arguments.seed or 0,
        "device": arguments.device,
        "precision": arguments.precision,
    }


def _load(
    arguments: argparse.Namespace, options: BatchOptions, threads: int, *, told: bool = False
) -> Protector:
    """The protector; ``told``: what is to be said of the key has been said in this run."""
    from faceveil import load_protector

    protector = load_protector(**method_of(arguments), threads=threads)
    # A target that cannot be had is said before any photo; so is a key that has just been made.
    if options.photo.aim(protector.crop_protector).target == "random" and not told:
        _tell(arguments, _own_key_told(arguments, options))
    return protector


def _own_key_told(arguments: argparse.Namespace, options: BatchOptions) -> str:
    """What is to be said of this machine's key where it decides."""
    from faceveil.protect.keys import own_key

    return "" if options.photo.key or arguments.seed is not None else own_key().told
