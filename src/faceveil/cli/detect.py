"""``faceveil detect``: where are faces, and where may be some?"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from faceveil.errors import FaceVeilError

if TYPE_CHECKING:
    from faceveil.imaging.search import Sight


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "detect",
        help="list the faces of photos",
        description="List the faces of photos from left to right, with the numbers that protect "
        "--faces takes, and the places that may be faces. Exit code 0 only if every photo could be "
        "read.",
    )
    p.add_argument("inputs", nargs="+", metavar="PHOTO", help="file, folder or glob pattern")
    p.add_argument(
        "--json", action="store_true", help="print JSON, which protect --boxes reads, also edited"
    )
    p.add_argument(
        "--max-pixels",
        type=int,
        default=100_000_000,
        metavar="N",
        help="refuse larger photos (default: 100,000,000)",
    )
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List; returns 0 if every photo could be read, 1 otherwise."""
    from faceveil.files.boxes import photo_values
    from faceveil.files.jobs import plan_jobs
    from faceveil.files.paths import is_clip, shown
    from faceveil.imaging.decode import load_photo
    from faceveil.imaging.detect import CenterFace, numbered
    from faceveil.imaging.photo import as_rgb

    jobs = plan_jobs(arguments.inputs, None, in_place=True)
    detector, failed, found = CenterFace(), 0, {}
    for job in jobs:
        name = shown(job.source)
        try:
            if job.unknown or is_clip(job.source):
                raise FaceVeilError(f"{job.unknown or 'clip'}: no photo that can be searched")
            rgb = as_rgb(load_photo(job.source, max_pixels=arguments.max_pixels))
        except FaceVeilError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed += 1
            continue
        sight = numbered(detector.search(rgb))
        if arguments.json:
            found[str(job.source)] = photo_values(sight, (rgb.shape[1], rgb.shape[0]))
        else:
            print(table(name, sight))
    if arguments.json:
        print(json.dumps(found, indent=1))
    return 1 if failed else 0


def table(name: str, sight: Sight) -> str:
    """A photo's faces and doubtful places as text, a row for each."""
    faces, maybe = len(sight.faces), len(sight.doubtful)
    also = f", {maybe} place{'' if maybe == 1 else 's'} that may be" if maybe else ""
    lines = [f"{name}: {faces} face{'' if faces == 1 else 's'}{also}"]
    for face in (*sight.faces, *sight.doubtful):
        x0, y0, x1, y1 = (round(v) for v in face.box)
        kind = "face " if face.number is not None and face.number < faces else "maybe"
        place = f"x {x0} to {x1}, y {y0} to {y1}"
        eyes = ", ".join(f"({x:.0f}, {y:.0f})" for x, y in face.landmarks[:2])
        lines.append(f"  {face.number:3d}  {kind}  score {face.score:.2f}  {place}; eyes {eyes}")
    return "\n".join(lines)
