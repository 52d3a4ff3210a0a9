"""``faceveil protect --camera``: a camera, a stream or a pipe, protected as it comes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceveil.runtime.batch import BatchOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of live protection."""
    p = parser.add_argument_group("live (docs/video.md)")
    p.add_argument("--camera", metavar="SOURCE", help="x")


def run_live(arguments: argparse.Namespace, options: BatchOptions, protector: Any) -> int:
    """X."""
    return 1
