"""Whole runs of the command line beside ``deface``: a folder, a large photo, cores, memory.

``python benchmarks/endtoend.py [--deface PATH] [--data ../shared/data] [--methods adaptive san]``

``deface`` finds faces with the same detector and blurs them: it runs no network on the face. Both
run in processes of their own, in turn; the median of the wall-clock time counts, start included.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import machine
from PIL import Image
from ways import WAYS

import faceveil

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "endtoend.json"
OURS = (sys.executable, "-m", "faceveil", "protect")
MEASURED = [name for name in WAYS if name != "pixelate"]


def run(command: Sequence[str], cores: int | None = None) -> dict[str, float]:
    """Wall-clock and CPU seconds and peak memory of a command in a process of its own.

    Raises:
        RuntimeError: if it fails; photos without a face are no failure.
    """
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]}: exit code {process.returncode}")
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": used.ru_maxrss / 1024}


def fill(source: Path, target: Path, count: int) -> Path:
    """A folder of ``count`` photos: those of a data set by name, over and over under new names."""
    photos = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    target.mkdir()
    for i in range(count):
        photo = photos[i % len(photos)]
        shutil.copyfile(photo, target / f"{i:05d}{photo.suffix}")
    return target


def large_photo(path: Path, megapixels: float) -> Path:
    """A 4:3 JPEG of that many pixels: the bundled portrait, enlarged."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    portrait = Image.open(Path(faceveil.__file__).parent / "assets" / "astronaut.png")
    face = np.asarray(portrait.convert("RGB").resize((height, height), Image.Resampling.LANCZOS))
    side = (width - height) // 2
    wide = cv2.copyMakeBorder(face, 0, 0, side, width - height - side, cv2.BORDER_REFLECT)
    Image.fromarray(wide).save(path, quality=92)
    return path


def ours(method: str, inputs: Path, output: Path, cores: int | None = None) -> dict[str, float]:
    """``faceveil protect`` in one of the ways, into an empty folder."""
    try:
        return run([*OURS, *WAYS[method].flags, str(inputs), "-o", str(output)], cores)
    finally:
        shutil.rmtree(output, ignore_errors=True)


def deface(program: Path, inputs: Path, cores: int | None = None) -> dict[str, float]:
    """``deface`` with its defaults, which writes beside the inputs; its results are removed."""
    folder = inputs if inputs.is_dir() else inputs.parent
    try:
        return run([str(program), str(inputs)], cores)
    finally:
        for made in folder.glob("*_anonymized*"):
            made.unlink()


def side_by_side(
    methods: Sequence[str], inputs: Path, scratch: Path, program: Path | None, runs: int
) -> dict[str, Any]:
    """All on the same inputs in turn, after one run each that warms the file cache."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in (*methods, "deface")}
    for _ in range(runs + 1):
        for method in methods:
            taken[method].append(ours(method, inputs, scratch / "output"))
        if program:
            taken["deface"].append(deface(program, inputs))
    found = {name: middle(rows[1:]) for name, rows in taken.items() if rows}
    if program:
        for method in methods:
            ratio = found[method]["seconds"] / found["deface"]["seconds"]
            found[method]["ratio"] = round(ratio, 3)
    return found


def middle(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {k: round(statistics.median(r[k] for r in rows), 3) for k in rows[0]}


def scaling(method: str, folder: Path, one: Path, scratch: Path, runs: int) -> list[dict[str, Any]]:
    """Photos a second on 1, 2, 4 ... cores; the time of one photo, start included, is taken off."""
    most, photos = len(os.sched_getaffinity(0)), len(list(folder.iterdir()))
    rows: list[dict[str, Any]] = []
    for cores in (c for c in (1, 2, 4, 8, 16) if c <= most):
        whole = middle([ours(method, folder, scratch / "output", cores) for _ in range(runs)])
        start = middle([ours(method, one, scratch / "output", cores) for _ in range(runs)])
        rate = (photos - 1) / (whole["seconds"] - start["seconds"])
        rows.append(
            {
                "method": method,
                "cores": cores,
                "photos": photos,
                "seconds": whole["seconds"],
                "start_seconds": start["seconds"],
                "photos_a_second": round(rate, 2),
                "cpu_ms_a_photo": round(1000 * whole["cpu_seconds"] / photos, 2),
                "of_linear": round(rate / (cores * rows[0]["photos_a_second"]), 3) if rows else 1.0,
            }
        )
    return rows


def crowd(source: Path, path: Path, columns: int = 16, rows: int = 12) -> Path:
    """A photo of very many people: those of a data set beside and below each other."""
    files = sorted(p for p in source.iterdir() if p.suffix == ".jpg")[: columns * rows]
    people = [np.asarray(Image.open(p).convert("RGB").resize((250, 250))) for p in files]
    lines = [np.hstack(people[k : k + columns]) for k in range(0, columns * rows, columns)]
    Image.fromarray(np.vstack(lines)).save(path, quality=92)
    return path


def memory_inputs(source: Path, scratch: Path, few: int, many: int) -> Iterator[tuple[str, Path]]:
    """What the peak of memory is measured on, one after the other, since disks are small."""
    for count in (few, many):
        folder = fill(source, scratch / "many", count)
        yield f"{count} photos of 250 x 250", folder
        shutil.rmtree(folder)
    for megapixels, count in ((12, 16), (50, 4)):
        folder = scratch / "large"
        folder.mkdir()
        first = large_photo(folder / "0.jpg", megapixels)
        for i in range(1, count):
            shutil.copyfile(first, folder / f"{i}.jpg")
        yield f"{count} photos of {megapixels} megapixels", folder
        shutil.rmtree(folder)
    yield "one photo with 192 people", crowd(source, scratch / "crowd.jpg")


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--deface", type=Path, help="the peer's command; none: ours alone")
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--many", type=int, default=5000, help="photos for the peak of memory")
    parser.add_argument("--methods", nargs="+", choices=WAYS, default=MEASURED)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULT)
    a = parser.parse_args()
    found: dict[str, Any] = {
        "machine": machine("onnxruntime", "openvino", "opencv-python-headless")
    }
    if a.deface:
        asked = subprocess.run([a.deface, "--version"], capture_output=True, text=True, check=True)
        found["deface"] = asked.stdout.strip()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = fill(a.data / "lfw-raw", scratch / "photos", a.photos)
        one = fill(a.data / "lfw-raw", scratch / "one", 1)
        beside = side_by_side(a.methods, folder, scratch, a.deface, a.runs)
        found["folder"] = {"photos": a.photos, **beside}
        for megapixels, peer in ((12, a.deface), (50, None)):  # deface takes 11 GB for 50
            photo = large_photo(scratch / f"{megapixels}mp.jpg", megapixels)
            key = f"one photo of {megapixels} megapixels"
            found[key] = side_by_side(a.methods, photo, scratch, peer, a.runs)
        found["cores"] = [
            row for method in a.methods for row in scaling(method, folder, one, scratch, a.runs)
        ]
        shutil.rmtree(folder)
        found["memory"] = [
            {"method": method, "what": what, **ours(method, inputs, scratch / "output")}
            for what, inputs in memory_inputs(a.data / "lfw-raw", scratch, a.photos, a.many)
            for method in a.methods
        ]
    print(json.dumps(found, indent=1))
    a.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
