"""``faceveil protect``: photos, clips and folders in, protected copies out."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.cli.device import add_arguments as add_device
from faceveil.cli.live import add_arguments as add_live
from faceveil.cli.methods import METHODS
from faceveil.cli.options import (
    chosen_by,
    in_vain,
    load,
    meaning,
    options_of,
    refuse,
    runs_of,
    tell,
)
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
    output = p.add_argument_group("output")
    where = output.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "-o", "--output", metavar="DIR", help="folder of the results, or a file for one input"
    )
    where.add_argument("--in-place", action="store_true", help="write over the inputs")
    output.add_argument(
        "--existing",
        choices=("skip", "overwrite", "error"),
        default="skip",
        help="output already there: skip (default) lets it stay where settings, weights and photo "
        "are the same, so that a stopped run goes on, and does the photo again where they are "
        "not; what faceveil did not write stays",
    )
    output.add_argument(
        "--on-unknown",
        choices=("fail", "skip"),
        default="fail",
        help="pictures and clips in a folder that cannot be read (a GIF, a linked folder): say "
        "which and end with exit code 1 (default), or pass over them",
    )
    output.add_argument(
        "--keep-metadata",
        action="store_true",
        help="keep camera, time and place of EXIF, XMP and clips "
        "(stripped by default; the colour profile always stays)",
    )
    output.add_argument(
        "--check",
        action="store_true",
        help="read every written photo again and say whether it worked, as faceveil check does; "
        "exit code 1 where it did not",
    )
    output.add_argument(
        "--report",
        type=Path,
        metavar="FILE.json",
        help="write what was done as JSON, naming nobody's gender",
    )
    output.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.html",
        help="with --check: write a page of the faces before and after, those on which it did not "
        "work first",
    )
    output.add_argument("-q", "--quiet", action="store_true", help="no progress bar and no summary")
    what = p.add_argument_group("what is done")
    what.add_argument(
        "--method",
        default="default",
        choices=METHODS,
        metavar="NAME",
        help="protector (see: faceveil methods), or module:name of your own",
    )
    what.add_argument(
        "--stages",
        type=int,
        metavar="N",
        help="flowsan: how many stages (default: 3); ensemble: how many SANs (default: all)",
    )
    what.add_argument(
        "--combine",
        choices=("avg", "gibbs"),
        help="ensemble: average the outputs (default), or draw one of them",
    )
    what.add_argument(
        "--hide",
        metavar="WHAT,...",
        help="gender-an, privacynet: what to hide, some of gender, age, race (default: gender)",
    )
    what.add_argument(
        "--gender",
        choices=("auto", "male", "female"),
        default="auto",
        help="gender to start from; auto estimates it (default)",
    )
    what.add_argument(
        "--target",
        choices=("opposite", "neutral", "random", "same"),
        help="what faces should read as (default: random, by a key that only this machine has; "
        "methods other than the default: opposite, with --key or --persons random)",
    )
    what.add_argument(
        "--strength",
        type=float,
        metavar="0..1",
        help="0 changes nothing, 1 hides most and costs some matching (default: 0.8; blur, "
        "pixelate, black-box: 1)",
    )
    what.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="decides random choices in place of a key: anybody can repeat them",
    )
    what.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="secret for random targets, at least 16 random bytes: nobody without it can tell them "
        "(default: the file that FACEVEIL_KEY names, or one made for you on first use)",
    )
    what.add_argument(
        "--persons",
        choices=("photo", "folder", "all"),
        default="photo",
        help="who gets one random target: each photo (default), each folder's person, all alike",
    )
    what.add_argument(
        "--time",
        metavar="FROM-TO",
        help="only this part of each clip, such as 00:10-00:25 or 1:30- (to the end)",
    )
    faces = p.add_argument_group("which faces")
    faces.add_argument(
        "--faces",
        default="all",
        metavar="all|largest|I,J",
        help="which faces; numbers count from 0, left to right (see: faceveil detect), in clips by "
        "first appearance (default: all)",
    )
    faces.add_argument(
        "--doubtful",
        choices=("report", "protect", "fail"),
        default="report",
        help="places that may be faces: leave them and say how many (default), protect them like "
        "faces, or count the photo as failed",
    )
    faces.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PHOTO",
        help="protect only the person of this photo; may be repeated",
    )
    faces.add_argument(
        "--except",
        action="append",
        default=[],
        dest="but",
        metavar="PHOTO",
        help="leave the person of this photo as they are; may be repeated",
    )
    faces.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE.json",
        help="faces of photos by name, as faceveil detect --json prints them: those photos are not "
        "searched",
    )
    faces.add_argument(
        "--aligned",
        action="store_true",
        help="inputs are square canonical face crops: nothing is detected",
    )
    faces.add_argument(
        "--on-no-face",
        choices=("skip", "copy", "fail"),
        default="skip",
        help="photo or clip without a face: write nothing (default), copy it without its "
        "metadata, or count it as failed",
    )
    speed = p.add_argument_group("speed and memory")
    speed.add_argument(
        "--jobs",
        type=int,
        default=0,
        metavar="N",
        help="photos at the same time, threads for a clip (default: one per core)",
    )
    speed.add_argument(
        "--max-pixels",
        type=int,
        default=100_000_000,
        metavar="N",
        help="refuse larger photos and frames (default: 100,000,000; a photo takes about 20 bytes "
        "a pixel)",
    )
    add_device(speed)
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

    from faceveil.cli.live import run_live
    from faceveil.cli.scale import run_scale
    from faceveil.files.memory import hand_back_large_blocks
    from faceveil.imaging.decode import lift_pillow_limit
    from faceveil.inference.device import usable_cores

    hand_back_large_blocks()
    lift_pillow_limit()
    options = options_of(arguments)
    if arguments.camera is not None:
        refuse(arguments, "--camera")
        cv2.setNumThreads(1)  # frames side by side, each on one core
        workers = arguments.jobs or usable_cores()
        return run_live(arguments, options, protector or load(arguments, options, 1), workers)
    if not arguments.inputs:
        raise OptionError("no INPUT; expected files, folders or glob patterns, or --camera")
    if arguments.engine == "ray":
        refuse(arguments, "--engine ray")
        return run_scale(arguments, options)
    if arguments.output == "-":
        raise OptionError("--output -: photos and clips cannot go to a pipe; expected a folder")
    return _run_files(arguments, options, protector)


def _run_files(
    arguments: argparse.Namespace, options: BatchOptions, protector: Protector | None
) -> int:
    """Photos side by side, then clips one after another; what became of them is said."""
    import cv2

    from faceveil.cli.batches import run_clips, run_photos
    from faceveil.cli.check import write_sheet
    from faceveil.cli.checked import check_results, tell_checked
    from faceveil.files.reports import counts, left_out, summary, write_report
    from faceveil.inference.device import usable_cores

    photos, clips, left = _planned(arguments, options)
    cores = usable_cores()
    workers = min(arguments.jobs or cores, max(len(photos), 1))
    # One clip at a time, on as many cores as there are jobs for photos.
    threads = arguments.jobs or cores
    start = time.perf_counter()
    results: list[FileResult] = []
    if photos:
        each = max(1, cores // workers)
        cv2.setNumThreads(each)  # several photos at once leave one core for each
        method = protector or load(arguments, options, each)
        options = chosen_by(arguments, options, photos, method.detector)
        options = replace(options, runs=runs_of(arguments, method, options, photos))
        results += run_photos(photos, method, options, workers, arguments.quiet)
    if clips:
        if arguments.doubtful != "report":
            tell(arguments, "--doubtful: for photos; in clips what may be a face is left")
        cv2.setNumThreads(1)  # frames side by side, each on one core
        method = protector or load(arguments, options, 1, told=bool(photos))
        if options.runs is None:
            options = replace(options, runs=runs_of(arguments, method, options, clips))
        results += run_clips(clips, method, options, threads, arguments.quiet)
    checked = check_results(results if arguments.check else [], method, options, workers)
    write_sheet(arguments.sheet, checked)
    if arguments.report is not None:
        from faceveil.cli.report import report_of

        text = report_of(arguments, method, options, results, left, checked)
        write_report(arguments.report, text)
    if not arguments.quiet:
        print(summary(results, time.perf_counter() - start, method.device), file=sys.stderr)
        tell_checked(checked)
        tell(arguments, in_vain(arguments, method, options))
        tell(arguments, meaning(method, options))
    if left and arguments.on_unknown == "fail":
        print(f"{left_out(left)}; if that is right, --on-unknown skip", file=sys.stderr)
        return 1
    bad = counts(results)["failed"] or any(r.warning for r in results)
    return 1 if bad or not all(row.passed for row in checked) else 0


def _planned(
    arguments: argparse.Namespace, options: BatchOptions
) -> tuple[list[Job], list[Job], list[Job]]:
    """Photos, clips, and what is not looked at.

    Raises:
        OptionError: if there is nothing to do, or something that cannot be done.
    """
    from faceveil.files.jobs import plan_jobs
    from faceveil.files.paths import is_clip, shown
    from faceveil.files.reports import check_report, left_out
    from faceveil.imaging.encode import remove_stale

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
    if clips:
        refuse(arguments, "clips")
    elif options.time is not None:
        raise OptionError("--time: for clips, and there are only photos; leave it out")
    # A report or sheet over a file of the run is refused before anything is done.
    kept = [Path(p) for p in (*arguments.only, *arguments.but)]
    kept += [p for p in (arguments.key, arguments.boxes) if p is not None]
    kept += [p for j in jobs for p in (j.source, j.target)]
    for flag, path in (("--report", arguments.report), ("--sheet", arguments.sheet)):
        if path is not None:
            check_report(path, kept, flag)
    remove_stale({job.target.parent for job in jobs})
    return photos, clips, left
