"""``faceveil protect --engine ray``: folders and shards over many processes and machines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.errors import OptionError

if TYPE_CHECKING:
    from faceveil.files.batch import BatchOptions
    from faceveil.scale.work import Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the engine."""
    p = parser.add_argument_group("many machines (docs/scale.md)")
    p.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: INPUT is one folder of photos, Parquet or WebDataset shards, on a disk or at an "
        "address such as s3://bucket/photos",
    )
    p.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="ray: processes (default: one per core of the machine, or of the cluster)",
    )
    p.add_argument(
        "--address", metavar="HOST:PORT", help="ray: a running cluster (default: this machine)"
    )
    p.add_argument("--image-column", metavar="NAME", help="ray: the images' column in Parquet")
    p.add_argument(
        "--copy-column",
        action="append",
        default=[],
        metavar="NAME",
        help="ray: copy this column (Parquet) or ending (WebDataset) though it may hold pictures; "
        "may be repeated",
    )
    p.add_argument(
        "--part-size",
        type=int,
        default=256,
        metavar="N",
        help="ray: photos or rows that are counted as done together (default: 256)",
    )
    p.add_argument(
        "--face-columns",
        action="store_true",
        help="ray: write what was found and done to each face; it tells the gender that is hidden",
    )
    p.add_argument(
        "--retry-failed", action="store_true", help="ray: do parts again in which something failed"
    )


def run_scale(arguments: argparse.Namespace, options: BatchOptions) -> int:
    """Protect with Ray; returns 0 if nothing failed, 1 otherwise."""
    from tqdm import tqdm

    from faceveil import load_protector
    from faceveil.files.reports import check_report, write_report
    from faceveil.inference.device import usable_cores
    from faceveil.protect.keys import own_key
    from faceveil.scale.cluster import cluster
    from faceveil.scale.engine import run_parts
    from faceveil.scale.manifest import FOLDER, Manifest
    from faceveil.scale.plan import open_pair, plan

    _check(arguments)
    start = time.perf_counter()
    source, output, name = open_pair(arguments.inputs[0], arguments.output)
    parts = plan(
        source,
        output,
        name,
        arguments.part_size,
        arguments.image_column,
        tuple(arguments.copy_column),
    )
    if options.persons == "folder" and parts[0].layout != "folder":
        raise OptionError("--persons folder: for folders of photos; leave it out for shards")
    if arguments.report is not None:
        stores = [store for store in (source, output) if store.local]
        names = {n for part in parts for n in (*part.names, *part.outputs)}
        files = [Path(store.path(name)) for store in stores for name in names]
        check_report(arguments.report, files if arguments.key is None else [*files, arguments.key])
    task = _task(arguments, options, source.location, output.location)
    method = load_protector(
        **task.method, threads=1
    )  # what is wrong is told before a cluster starts
    photo = options.photo
    if photo.aim(method.crop_protector).target == "random" and not photo.key and photo.seed is None:
        # Workers elsewhere have keys of their own; all photos of a job hang on this machine's.
        key = own_key()
        options = replace(options, photo=replace(photo, own=key.secret))
        task = replace(task, options=options)
        if key.told and not arguments.quiet:
            print(key.told, file=sys.stderr)
    manifest = Manifest(output)
    if arguments.existing == "overwrite":
        manifest.clear()
    manifest.open_job(_settings(arguments, task))
    done = manifest.done()
    if arguments.retry_failed:
        again = [i for i, row in done.items() if row["counts"]["failed"]]
        manifest.undo(again)
        done = {i: row for i, row in done.items() if i not in again}
    rows = [done[part.id] for part in parts if part.id in done]
    todo = [part for part in parts if part.id not in done]
    threads = arguments.jobs or 1
    here = arguments.workers or max(1, usable_cores() // threads)
    if todo:
        quiet = True if arguments.quiet else None
        with (
            cluster(arguments.address, min(here, len(todo)), threads) as room,
            tqdm(total=len(parts), initial=len(rows), unit="part", disable=quiet) as bar,
        ):
            for row in run_parts(todo, task, arguments.workers or room, threads):
                rows.append(row)
                bar.update()
    totals = _totals(rows)
    if arguments.report is not None:
        report = {"settings": _settings(arguments, task), **totals, "rows": rows}
        text = json.dumps(report, indent=1) + "\n"
        write_report(arguments.report, text.rstrip())
    failures = totals["counts"]["failed"]
    if failures:
        where = f"{output.name}/{FOLDER}/failed"
        print(f"{failures} failed; which and why: {where} (Parquet)", file=sys.stderr)
    if not arguments.quiet:
        _summary(totals, len(parts) - len(todo), time.perf_counter() - start)
    return 1 if failures else 0


def _check(a: argparse.Namespace) -> None:
    if a.in_place:
        raise OptionError("--in-place: not with --engine ray; state --output")
    if ":" in a.method:
        raise OptionError(
            f"--method {a.method}: not with --engine ray, whose workers lack it; leave --engine out"
        )
    if a.precision == "auto":
        raise OptionError("--precision auto: not with --engine ray; state float32 or bfloat16")
    if len(a.inputs) != 1:
        raise OptionError(f"--engine ray: got {len(a.inputs)} inputs; expected one folder or shard")
    for name, least in (("workers", 0), ("part_size", 1)):
        if getattr(a, name) < least:
            option = "--" + name.replace("_", "-")
            raise OptionError(f"{option}: got {getattr(a, name)}; expected {least} or more")


def _task(a: argparse.Namespace, options: BatchOptions, source: str, output: str) -> Task:
    from faceveil.cli.options import method_of
    from faceveil.inference.device import Choice
    from faceveil.scale.work import Task

    # Workers do what this machine would do, or say that they cannot: the bytes are to be the same.
    method = {**method_of(a), "device": Choice(a.device, a.precision).settled}
    return Task(
        source, output, options, method, a.image_column, a.face_columns, tuple(a.copy_column)
    )


def _settings(a: argparse.Namespace, task: Task) -> dict[str, Any]:
    """All that decides the results; of a key only a slow digest, which tells keys apart."""
    from faceveil import __version__
    from faceveil.protect.keys import stretched
    from faceveil.scale.address import shown_address

    options, photo = task.options, task.options.photo
    secret = photo.key or photo.own
    values: dict[str, Any] = {
        "faceveil": __version__,
        "input": shown_address(task.source),
        **{k: list(v) if isinstance(v, tuple) else v for k, v in task.method.items()},
        **{
            k: getattr(photo, k)
            for k in ("faces", "doubtful", "gender", "target", "strength", "aligned")
        },
        **{k: getattr(options, k) for k in ("on_no_face", "keep_metadata", "max_pixels")},
        "persons": options.persons,
        "key": stretched(secret, b"job", 8).hex() if secret else None,
        "part_size": a.part_size,
        "image_column": task.column,
        "face_columns": task.faces,
        "copy_column": list(task.copied),
    }
    return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = ("protected", "no_face", "skipped", "failed")
    totals: dict[str, Any] = {"counts": {k: sum(r["counts"][k] for r in rows) for k in kinds}}
    for name in ("faces", "left", "doubtful", "bytes_in", "bytes_out"):
        totals[name] = sum(row.get(name, 0) for row in rows)
    return totals


def _summary(totals: dict[str, Any], before: int, seconds: float) -> None:
    from faceveil.files.reports import LABELS, told_of_faces

    counts = totals["counts"]
    parts = ", ".join(f"{counts[status]} {label}" for status, label in LABELS.items())
    earlier = f" ({before} parts were done before)" if before else ""
    line = f"{sum(counts.values())} records: {parts}; {totals['faces']} faces; {seconds:.1f} s"
    told = told_of_faces(totals["left"], totals["doubtful"])
    print("; ".join([line + earlier, *told]), file=sys.stderr)
