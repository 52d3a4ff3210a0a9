"""The ``faceveil`` command: parses, hands over, turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from faceveil.cli import (
    check,
    data,
    demo,
    detect,
    evaluate,
    methods,
    models,
    protect,
    publish,
    serve,
    train,
)
from faceveil.cli.stderr import own_lines_only
from faceveil.errors import FaceVeilError, OptionError

COMMANDS = (
    *(protect, detect, check, evaluate, demo, serve),
    *(methods, models, train, publish, data),
)

READERS = ("protect", "detect", "check", "serve")
"""Commands that read whatever file the user has."""


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that takes 20 ms of a start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from faceveil import __version__

        print(f"faceveil {__version__}")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage alone would be twenty."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The command line, with one sub-command per module of this package."""
    parser = _Parser(
        prog="faceveil",
        description="Hide gender in face photos from software, keep the person recognisable.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    try:
        import shtab

        shtab.add_argument_to(parser, ["--print-completion"])
    except ImportError:  # completion is a convenience: without shtab all else works
        pass
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 if all went well, 1 if something failed, 2 for a wrong call, 130 when interrupted.
    """
    try:
        arguments = build_parser().parse_args(argv)
        with own_lines_only(arguments.command in READERS):
            code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except OptionError as error:
        print(f"faceveil: {error}", file=sys.stderr)
        return 2
    except FaceVeilError as error:
        print(f"faceveil: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("faceveil: interrupted; finished files are whole, run it again", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
