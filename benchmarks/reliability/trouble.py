"""Full disk, read-only output, output inside input, two runs at once: what becomes of the photos?

``python -m benchmarks.reliability.trouble [--photos 8]``. As root, small file systems in memory are
mounted for the first two; as another user those are skipped, and the result says so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

from benchmarks.reliability.common import (
    FACEVEIL,
    Ended,
    bad_message,
    digests,
    photos,
    quiet,
    report,
    run,
)

from faceveil.imaging.decode import load_photo

Check = Callable[[Path, Path, dict[str, str]], list[str]]
"""Takes a folder to work in, the photos and the right results; returns what is wrong."""


def protect(source: Path, out: Path | None, *more: str) -> Ended:
    """One run, which must not hang."""
    where = ["--in-place"] if out is None else ["-o", str(out)]
    return run([*FACEVEIL, "protect", str(source), *where, "-q", *more], seconds=120)


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """A file system in memory. Needs root."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def full_disk(place: Path, source: Path, wanted: dict[str, str]) -> list[str]:
    """Some fit, the rest say that the disk is full; with room again the next run makes them."""
    with mounted(place / "disk", "size=256k") as disk:
        first = protect(source, disk / "out")
        wrong = _failed(first, "disk is full") + _only_whole(disk / "out", wanted)
        if digests(disk / "out").keys() >= wanted.keys():
            wrong.append("the disk was large enough for all: the test shows nothing")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        again = protect(source, disk / "out")
        return wrong + _complete(again, disk / "out", wanted)


def read_only(place: Path, source: Path, wanted: dict[str, str]) -> list[str]:
    """Every photo says so, and nothing is written."""
    with mounted(place / "disk", "size=1m,ro") as disk:
        done = protect(source, disk / "out")
        report_there = protect(source, place / "out", "--report", str(disk / "report.json"))
        wrong = _failed(done, "read-only") + _failed(report_there, "read-only")
        return wrong + _only_whole(disk, wanted)


def output_inside_input(place: Path, source: Path, wanted: dict[str, str]) -> list[str]:
    """Results are no inputs, the second time neither."""
    inside = copytree(source, place / "in")
    wrong = _complete(protect(inside, inside / "out"), inside / "out", wanted)
    wrong += _complete(protect(inside, inside / "out"), inside / "out", wanted)
    return wrong


def output_is_input(place: Path, source: Path, wanted: dict[str, str]) -> list[str]:
    """Refused once, before anything is done."""
    same = copytree(source, place / "in")
    before = digests(same)
    done = protect(same, same)
    lines = done.stderr.splitlines()
    once = done.code == 2 and len(lines) == 1 and "the folder of the inputs" in lines[0]
    wrong = [] if once else [f"exit code {done.code}: {lines}"]
    return wrong + ([] if digests(same) == before else ["inputs changed"])


def two_runs(place: Path, source: Path, wanted: dict[str, str]) -> list[str]:
    """Both end well, and the folder is what one of them makes."""
    out = place / "out"
    command = [*FACEVEIL, "protect", str(source), "-o", str(out), "-q", "--jobs", "2"]
    return _together(command) + _complete(protect(source, out), out, wanted)


def two_runs_in_place(place: Path, source: Path, wanted: dict[str, str]) -> list[str]:
    """Every photo stays whole; it may be protected twice."""
    same = copytree(source, place / "in")
    wrong = _together([*FACEVEIL, "protect", str(same), "--in-place", "-q", "--jobs", "2"])
    found = digests(same)
    if found.keys() != wanted.keys():
        wrong.append(f"files: {sorted(found.keys() ^ wanted.keys())}")
    for name in found:
        load_photo(same / name)  # raises where it is damaged
    return wrong


def no_files(place: Path, source: Path, wanted: dict[str, str]) -> list[str]:
    """Pipes, devices, loops of links: a line each and one for a linked folder; no hang."""
    odd = copytree(source, place / "in")
    os.mkfifo(odd / "pipe.jpg")
    (odd / "device.png").symlink_to("/dev/zero")
    (odd / "loop.png").symlink_to(odd / "loop.png")
    (odd / "folder.jpg").mkdir()
    (odd / "round").symlink_to(odd)
    done = protect(odd, place / "out")
    lines = done.stderr.splitlines()
    wrong = [] if not done.hung else ["hangs"]
    if len(lines) != 4 or "1 linked folder" not in lines[-1] or done.code != 1:
        wrong.append(f"exit code {done.code}: {lines}")
    wrong += [f"{bad}: {line}" for line in lines[:3] if (bad := bad_message(line))]
    return wrong + _only_whole(place / "out", wanted, every=True)


SCENES: dict[str, tuple[Check, bool]] = {
    "disk full": (full_disk, True),
    "read-only output": (read_only, True),
    "output inside input": (output_inside_input, False),
    "output is input": (output_is_input, False),
    "two runs on one folder": (two_runs, False),
    "two runs in place": (two_runs_in_place, False),
    "pipes, devices, loops": (no_files, False),
}
"""What is tried, and whether it needs root."""


def _together(command: list[str]) -> list[str]:
    children = [
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=quiet()) for _ in range(2)
    ]
    wrong = []
    for child in children:
        _, said = child.communicate(timeout=240)
        if child.returncode or said:
            wrong.append(f"exit code {child.returncode}: {said[-300:]}")
    return wrong


def _failed(done: Ended, words: str) -> list[str]:
    wrong = [] if done.code == 1 and not done.hung else [f"exit code {done.code}"]
    lines = done.stderr.splitlines()
    if not any(words in line for line in lines):
        wrong.append(f"no line says {words!r}: {lines[:2]}")
    return wrong + [f"{bad}: {line}" for line in lines if (bad := bad_message(line))]


def _only_whole(out: Path, wanted: dict[str, str], every: bool = False) -> list[str]:
    found = digests(out)
    wrong = [f"not a whole result: {k}" for k, v in found.items() if wanted.get(k) != v]
    return wrong + [f"missing: {k}" for k in wanted if every and k not in found]


def _complete(done: Ended, out: Path, wanted: dict[str, str]) -> list[str]:
    wrong = [] if done.code == 0 and not done.stderr else [f"{done.code}: {done.stderr[-300:]}"]
    return wrong + _only_whole(out, wanted, every=True)


def measure(number: int) -> dict[str, Any]:
    """Every scene, with what was wrong in it."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "photos"
        photos(source, number)
        before = digests(source)
        whole = protect(source, Path(place) / "wanted")
        if whole.code != 0:
            raise RuntimeError(f"the undisturbed run failed: {whole.stderr}")
        wanted = digests(Path(place) / "wanted")
        for name, (check, needs_root) in SCENES.items():
            if needs_root and os.geteuid() != 0:
                found[name] = "skipped: needs root"
                continue
            folder = Path(place) / name.replace(" ", "-")
            folder.mkdir()
            wrong = check(folder, source, wanted)
            wrong += [] if digests(source) == before else ["inputs changed"]
            found[name] = wrong or "good"
    return {
        "photos": number,
        "scenes": found,
        "good": not any(isinstance(v, list) for v in found.values()),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=8)
    a = parser.parse_args()
    report("trouble", measure(a.photos))


if __name__ == "__main__":
    main()
