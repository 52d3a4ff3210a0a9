"""``faceveil check``: did it work on this photo?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "check",
        help="compare a photo with its protected copy",
        description="Read both photos with judges that no protector was trained against. Exit "
        "code 0 only if every face passed.",
    )
    p.add_argument("original", type=Path)
    p.add_argument("protected", type=Path)
    p.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="the key that drew random targets (default: this machine's own, if it has one)",
    )
    p.add_argument("--json", action="store_true", help="print the whole result as JSON")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check; returns 0 if every face passed, 1 otherwise."""
    from faceveil import check
    from faceveil.errors import NoFaceError
    from faceveil.files.paths import shown
    from faceveil.protect.keys import read_key

    key = None if arguments.key is None else read_key(arguments.key).secret
    result = check(arguments.original, arguments.protected, key=key)
    if arguments.json:
        print(json.dumps(result.to_dict(), indent=1))
    elif not result.checks:
        raise NoFaceError(f"{shown(arguments.original)}: no face found; expected at least one")
    else:
        print(table(result))
    return 0 if result.passed else 1


def table(result: Any) -> str:
    """A :class:`faceveil.PhotoCheck` as text: one row a face, and its verdict below."""
    lines = ["face   P(male) before   after   similarity   needed   PSNR dB   SSIM   result"]
    for number, c in enumerate(result.checks):
        noise = "same" if c.psnr is None else f"{c.psnr:.1f}"
        lines.append(
            f"{number:4d}   {c.p_male_before:14.2f}   {c.p_male_after:5.2f}   {c.similarity:10.2f}"
            f"   {c.threshold:6.2f}   {noise:>7}   {c.ssim:4.2f}   {'ok' if c.passed else 'FAILED'}"
        )
        lines.append(f"       {c.verdict}")
    if result.doubtful:
        count = len(result.doubtful)
        lines.append(f"{count} more place{'s' if count > 1 else ''} may be faces: not checked")
    return "\n".join(lines)
