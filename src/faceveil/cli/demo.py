"""``faceveil demo``: the whole path on a public-domain portrait that the package carries."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from faceveil.cli.methods import METHODS
from faceveil.errors import ModelError


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "demo", help="protect a bundled portrait, check it, write a picture of both"
    )
    p.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="folder of the pictures (default: demo-output)",
    )
    p.add_argument(
        "--method",
        default="default",
        choices=METHODS,
        metavar="NAME",
        help="protector (see: faceveil methods)",
    )
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; returns 0 once the pictures are written, whatever the check says."""
    from importlib import resources

    from faceveil import check, load_protector
    from faceveil.cli.check import table
    from faceveil.imaging.decode import load_photo
    from faceveil.imaging.encode import encode_photo, write_atomic
    from faceveil.imaging.photo import as_rgb, from_rgb
    from faceveil.protect.photo import PhotoOptions

    portrait = Path(str(resources.files("faceveil"))) / "assets" / "astronaut.png"
    if not portrait.is_file():
        raise ModelError(f"{portrait}: no such file; reinstall faceveil")
    original = load_photo(portrait)
    protector = load_protector(arguments.method)
    # Half of all drawn targets are what a face reads as already: no change to show.
    own = protector.crop_protector.own_target
    options = PhotoOptions(target="neutral" if own == "random" else None)
    protected, faces = protector.protect_loaded(original, options)
    before, after = as_rgb(original), as_rgb(protected)
    pictures = {
        "original.png": original,
        "protected.png": protected,
        "side-by-side.png": from_rgb(side_by_side(before, after)),
    }
    for name, picture in pictures.items():
        write_atomic(encode_photo(picture), arguments.output / name, overwrite=True)
    print(f"{len(faces)} face; to read as {faces[0].target}")
    wanted = options.aim(protector.crop_protector).target
    print(table(check(before, after, target=wanted)))
    print(f"pictures in {arguments.output}: {', '.join(pictures)}")
    return 0


def side_by_side(before: Any, after: Any) -> Any:
    """Two (H, W, 3) uint8 pictures beside each other, labelled: (H + 32, 2 W + 8, 3)."""
    import cv2
    import numpy as np

    height, width = before.shape[:2]
    sheet = np.full((height + 32, 2 * width + 8, 3), 255, np.uint8)
    for left, label, picture in ((0, "before", before), (width + 8, "after", after)):
        sheet[32:, left : left + width] = picture
        cv2.putText(
            sheet, label, (left + 6, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 1, cv2.LINE_AA
        )
    return sheet
