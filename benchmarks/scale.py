"""Photos a second of the Ray engine with 1 and 2 workers, beside the local engine.

``python benchmarks/scale.py PHOTO_DIR [--limit 200] [--copies 5] [--workers 1 2]``
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "scale.json"
PART = 50


def measure(photos: Path, engine: str, workers: int) -> dict[str, Any]:
    """Run the command in a process of its own, on all photos of a folder."""
    with tempfile.TemporaryDirectory() as output:
        report = Path(output) / "report.json"
        command = [sys.executable, "-m", "faceveil", "protect", str(photos)]
        command += ["--method", "san", "-o", output, "-q"]
        command += ["--jobs", "1", "--report", str(report)]
        if engine == "ray":
            command += ["--engine", "ray", "--workers", str(workers), "--part-size", str(PART)]
        start, busy = time.perf_counter(), _children()
        code = subprocess.run(command, check=False).returncode
        seconds, cpu = time.perf_counter() - start, _children() - busy
        document = json.loads(report.read_text())
    done = document["counts"]["protected"]
    found = {
        "engine": engine,
        "workers": workers,
        "exit_code": code,
        "protected": done,
        "seconds_with_start": round(seconds, 2),
        "photos_a_second_with_start": round(done / seconds, 2),
    }
    return found | (_of_parts(document, seconds) if engine == "ray" else _of_files(document, cpu))


def _children() -> float:
    """CPU seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of_files(document: dict[str, Any], cpu: float) -> dict[str, Any]:
    """Of the local engine; its CPU time includes loading."""
    files = document["files"]
    return {
        "photos_a_second_of_a_worker": round(len(files) / sum(f["seconds"] for f in files), 2),
        "photos_a_second_of_cpu_time": round(len(files) / cpu, 2),
    }


def _of_parts(document: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Of the Ray engine: the time of its parts, without starting Ray and the workers."""
    rows = document["rows"]
    photos = sum(document["counts"].values())
    busy, cpu = (sum(r[k] for r in rows) for k in ("seconds", "cpu_seconds"))
    used = len({r["process"] for r in rows})
    return {
        "photos_a_second_of_a_worker": round(photos / busy, 2),
        "photos_a_second_of_cpu_time": round(photos / cpu, 2),
        "processes_used": used,
        "start_and_idle_seconds": round(seconds - busy / used, 2),
        "peak_memory_of_a_worker_mb": max(r["peak_memory_mb"] for r in rows),
        "bytes_in_a_photo": round(document["bytes_in"] / photos),
        "bytes_out_a_photo": round(document["bytes_out"] / photos),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--copies", type=int, default=1, help="of each photo")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    a = parser.parse_args()
    found = sorted(p for p in a.folder.iterdir() if p.is_file())[: a.limit]
    with tempfile.TemporaryDirectory() as folder:
        for copy in range(a.copies):
            for photo in found:
                shutil.copy(photo, Path(folder) / f"{copy}-{photo.name}")
        runs = [measure(Path(folder), "local", 1)]
        runs += [measure(Path(folder), "ray", workers) for workers in a.workers]
    cores = len(os.sched_getaffinity(0))
    result = {
        "folder": a.folder.name,
        "photos": len(found) * a.copies,
        "threads_of_a_worker": 1,
        "cores_that_could_be_used": cores,
        "load_of_the_machine": os.getloadavg()[0],
        "note": "workers shared cores: their wall times do not scale"
        if cores < max(a.workers)
        else "",
        "runs": runs,
        "python": platform.python_version(),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
