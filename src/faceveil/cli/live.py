"""``faceveil protect --camera``: a camera, a stream or a pipe, protected as it comes."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from faceveil.errors import ClipError, OptionError

if TYPE_CHECKING:
    from faceveil.files.batch import BatchOptions
    from faceveil.video.streams import Camera


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of live protection."""
    p = parser.add_argument_group("camera (docs/video.md)")
    p.add_argument(
        "--camera",
        metavar="SOURCE",
        help="in place of INPUT: 0 for the first camera, an address such as rtsp://..., a named "
        "pipe, or - for standard input; --output is then a file, or - for a pipe (YUV4MPEG2). "
        "Ctrl-C ends it",
    )


def run_live(
    arguments: argparse.Namespace,
    options: BatchOptions,
    protector: Any,
    workers: int = 1,
    camera: Camera | None = None,
) -> int:
    """Protect a stream until it ends or Ctrl-C; returns 0.

    Where the camera breaks, what came before is written, and the error raised after that.

    Args:
        arguments: the parsed command line.
        options: how.
        protector: method, estimator and detector.
        workers: frames at the same time.
        camera: in place of the one that ``--camera`` names (for tests).
    """
    from faceveil.video.frame_queue import FrameQueue, protected_frames
    from faceveil.video.live import Live
    from faceveil.video.streams import open_camera, open_sink

    _check(arguments)
    live = Live(protector, options.photo)
    count, stop = 0, threading.Event()
    with _ended_by_signals(stop):
        source = camera or open_camera(arguments.camera)
        frames = FrameQueue(source, stop)
        overwrite = options.existing == "overwrite"
        with open_sink(arguments.output, source.rate, overwrite=overwrite) as sink:
            start = time.perf_counter()
            with contextlib.closing(protected_frames(live, frames, workers)) as protected:
                for frame in protected:
                    sink.add(frame)
                    count += 1
            seconds = time.perf_counter() - start
            if not count:
                raise frames.problem or ClipError(f"{arguments.camera}: no frame came")
    # What came before a camera broke is in the file, which is whole.
    if frames.problem is not None:
        raise frames.problem
    if not arguments.quiet:
        print(
            f"{count} frames in {seconds:.1f} s, {frames.dropped} dropped; {live.people} people; "
            f"{count / max(seconds, 1e-3):.1f} frames a second",
            file=sys.stderr,
        )
    return 0


def _check(a: argparse.Namespace) -> None:
    for given, name in (
        (a.inputs, "INPUT"),
        (a.in_place, "--in-place"),
        (a.aligned, "--aligned"),
        (a.report, "--report"),
        (a.engine == "ray", "--engine ray"),
        (a.persons == "folder", "--persons folder"),
    ):
        if given:
            raise OptionError(f"{name}: not with --camera; leave it out")


@contextlib.contextmanager
def _ended_by_signals(stop: threading.Event) -> Iterator[None]:
    """Within the block, Ctrl-C and SIGTERM set ``stop``; a second Ctrl-C interrupts as always."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {s: signal.signal(s, end) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
