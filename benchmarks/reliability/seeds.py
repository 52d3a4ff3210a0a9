"""Same seed, same bytes: every method, twice, and with 1, 2 and 4 threads.

``python -m benchmarks.reliability.seeds [--threads 1 2 4] [--methods ...] [--without-clip]``

Through ``faceveil protect`` with ``--jobs 1``: random targets from ``--seed`` and from ``--key``,
photos in several formats, one clip. Threads are those inside one operator of ONNX Runtime, which
the command takes from the number of cores; here they are set from outside.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.reliability.common import digests, photos, report, run
from benchmarks.reliability.pictures import portrait

from faceveil.inference.device import Choice
from faceveil.systems.specs import build_crop_protector, list_protectors

CHILD = """
import os, sys
os.cpu_count = lambda: int(sys.argv[1])
from faceveil.cli.main import main
sys.exit(main(["protect", *sys.argv[2:]]))
"""
VARIANTS: dict[str, tuple[str, ...]] = {
    **{name: ("--method", name) for name in list_protectors()},
    "ensemble-gibbs": ("--method", "ensemble", "--combine", "gibbs"),
    "flowsan-5": ("--method", "flowsan", "--stages", "5"),
}
SLOW = ("cw", "pgd")


def outputs(source: Path, threads: int, options: tuple[str, ...]) -> dict[str, str]:
    """Digests of what one run writes."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out"
        where = [str(source), "-o", str(out), "-q", "--jobs", "1", *options]
        done = run([sys.executable, "-c", CHILD, str(threads), *where])
        if done.code != 0:
            raise RuntimeError(f"{options}: {done.stderr[-300:]}")
        return digests(out)


def compare(source: Path, threads: list[int], options: tuple[str, ...]) -> dict[str, Any]:
    """Whether a second run, and runs with other threads, write the same bytes."""
    first = outputs(source, threads[0], options)
    again = outputs(source, threads[0], options)
    others = {str(n): outputs(source, n, options) for n in threads[1:]}
    return {
        "files": len(first),
        "same_again": first == again,
        **{f"same_with_{n}_threads": first == found for n, found in others.items()},
    }


def clip(path: Path, frames: int = 8) -> None:
    """A clip of a face that moves. Needs PyAV."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        picture = np.asarray(portrait(288))
        for i in range(frames):
            part = np.ascontiguousarray(picture[i : i + 256, 2 * i : 2 * i + 256])
            for packet in stream.encode(av.VideoFrame.from_ndarray(part, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def measure(methods: list[str], threads: list[int], with_clip: bool) -> dict[str, Any]:
    """All methods, seeds and keys."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        many, few, films = (Path(place) / name for name in ("many", "few", "films"))
        photos(many, 4)
        photos(few, 1)
        key = Path(place) / "key"
        key.write_bytes(bytes(range(32)))
        for name in methods:
            options = VARIANTS[name]
            if build_crop_protector(options[1], choice=Choice(threads=1)).own_target is not None:
                options += ("--target", "random", "--seed", "7")
            found[name] = compare(few if name in SLOW else many, threads, options)
        found["san with --key"] = compare(
            many, threads, ("--target", "random", "--key", str(key), "--persons", "folder")
        )
        if with_clip:
            films.mkdir()
            clip(films / "clip.mp4")
            found["clip, san"] = compare(films, threads, ("--target", "random", "--seed", "7"))
    good = all(all(v for k, v in row.items() if k != "files") for row in found.values())
    return {"threads": threads, "methods": found, "good": good}


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--methods", nargs="+", choices=sorted(VARIANTS), default=sorted(VARIANTS))
    parser.add_argument("--without-clip", action="store_true")
    a = parser.parse_args()
    report("seeds", measure(a.methods, a.threads, not a.without_clip))


if __name__ == "__main__":
    main()
