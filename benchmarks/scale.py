"""Photos a second of the Ray engine, beside the local engine on the same cores.

``python benchmarks/scale.py PHOTO_DIR [--cores 1 2] [--methods adaptive san] [--photos 240]``

Each engine gets the same cores and as many photos at a time as there are cores, one thread to
each. The command line runs in a process of its own. Each run is made twice, with few photos and
with many: the difference is work alone, the rest is the start (interpreter, Ray, networks).
``--rounds`` pairs in turn; the medians count.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from endtoend import run as timed
from machine import machine

RESULT = Path(__file__).parent / "results" / "scale.json"
PART = 10
FEW = 4 * PART


def run(photos: Path, method: str, engine: str, cores: int) -> dict[str, float]:
    """One run of the command line on all photos of a folder.

    Returns:
        ``seconds`` of wall-clock time, ``cpu_seconds`` of the workers (of the whole process for the
        local engine), ``peak_mb``, ``faces``, ``bytes_in`` and ``bytes_out``.

    Raises:
        RuntimeError: if a photo fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, report = Path(folder) / "out", Path(folder) / "report.json"
        command = [sys.executable, "-m", "faceveil", "protect", str(photos), "-o", str(output)]
        command += ["-q", "--method", method, "--report", str(report)]
        if engine == "ray":
            command += ["--engine", "ray", "--workers", str(cores), "--part-size", str(PART)]
        used = timed(command, cores)
        document = json.loads(report.read_text())
        written = sum(p.stat().st_size for p in output.iterdir() if p.is_file())
    rows = document.get("rows")
    count = sum(document["counts"].values())
    if count != len(list(photos.iterdir())):
        raise RuntimeError(f"{count} photos reported")
    faces = sum(len(f["faces"]) for f in document["files"]) if rows is None else document["faces"]
    return {
        "seconds": used["seconds"],
        "cpu_seconds": sum(r["cpu_seconds"] for r in rows or []) or used["cpu_seconds"],
        "peak_mb": max((r["peak_memory_mb"] for r in rows or []), default=round(used["peak_mb"])),
        "faces": faces,
        "bytes_in": sum(p.stat().st_size for p in photos.iterdir()),
        "bytes_out": written,
    }


def figures(
    few: list[dict[str, float]], many: list[dict[str, float]], count: int
) -> dict[str, Any]:
    """What the two sizes say: the rate without the start, and the start.

    Args:
        few: runs with ``FEW`` photos.
        many: runs with ``count`` photos.
        count: photos of the larger ones.
    """
    seconds, cpu = (
        statistics.median(m[k] for m in many) - statistics.median(f[k] for f in few)
        for k in ("seconds", "cpu_seconds")
    )
    rate = (count - FEW) / seconds
    return {
        "photos_a_second": round(rate, 2),
        "photos_a_second_of_cpu_time": round((count - FEW) / cpu, 2),
        "start_seconds": round(statistics.median(f["seconds"] for f in few) - FEW / rate, 2),
        "peak_memory_of_a_process_mb": round(max(m["peak_mb"] for m in many)),
        "faces_a_photo": round(many[0]["faces"] / count, 2),
        "bytes_in_a_photo": round(many[0]["bytes_in"] / count),
        "bytes_out_a_photo": round(many[0]["bytes_out"] / count),
        "seconds_of_runs": {
            str(FEW): [round(f["seconds"], 2) for f in few],
            str(count): [round(m["seconds"], 2) for m in many],
        },
    }


def fill(folder: Path, photos: list[Path], count: int) -> Path:
    """A folder of that many photos; short of photos, they come again under other names."""
    folder.mkdir()
    for number, photo in zip(range(count), itertools.cycle(photos), strict=False):
        shutil.copy(photo, folder / f"{number:05d}-{photo.name}")
    return folder


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=240, help=f"of the larger runs; over {FEW}")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=["adaptive", "san"])
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--output", type=Path, default=RESULT)
    a = parser.parse_args()
    if a.photos <= FEW:
        parser.error(f"--photos: got {a.photos}; expected more than {FEW}")
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are measured
    result: dict[str, Any] = {
        "machine": machine("ray", "onnxruntime", "openvino"),
        "folder": a.folder.name,
        "photos": a.photos,
    }
    if max(a.cores) > len(os.sched_getaffinity(0)):
        parser.error(f"--cores: got {a.cores}; {len(os.sched_getaffinity(0))} can be used")
    kinds = [(engine, n) for n in a.cores for engine in ("local", "ray")]
    found = sorted(p for p in a.folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    cases = list(itertools.product(a.methods, kinds))
    done: dict[Any, tuple[list[Any], list[Any]]] = {case: ([], []) for case in cases}
    with tempfile.TemporaryDirectory() as here:
        sizes = [fill(Path(here) / str(n), found, n) for n in (FEW, a.photos)]
        run(sizes[0], a.methods[0], "local", 1)  # files and libraries come into the page cache
        for _ in range(a.rounds):
            for case in cases:
                for folder, runs in zip(sizes, done[case], strict=True):
                    runs.append(run(folder, case[0], *case[1]))
    result["runs"] = [
        {"method": method, "engine": engine, "cores": cores}
        | figures(*done[method, (engine, cores)], a.photos)
        for method, (engine, cores) in cases
    ]
    result["load_after"] = round(os.getloadavg()[0], 1)
    a.output.parent.mkdir(parents=True, exist_ok=True)
    a.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
