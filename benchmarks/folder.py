"""A folder through ``faceveil protect``, as a user runs it: faces found, time, peak memory.

``python benchmarks/folder.py PHOTO_DIR [--limit 200] [--jobs 0]``
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from endtoend import MEASURED, run
from ways import WAYS

RESULT = Path(__file__).parent / "results" / "folder.json"


def measure(folder: Path, limit: int, jobs: int, method: str) -> dict[str, Any]:
    """Run the command in a process of its own on the first ``limit`` photos by name."""
    photos = sorted(str(p) for p in folder.iterdir() if p.is_file())[:limit]
    with tempfile.TemporaryDirectory() as output:
        report = Path(output) / "report.json"
        command = [sys.executable, "-m", "faceveil", "protect", *photos, "-o", output, "-q"]
        command += [*WAYS[method].flags, "--jobs", str(jobs), "--report", str(report)]
        taken = run(command)
        seconds = taken["seconds"]
        document = json.loads(report.read_text())
    cores = len(os.sched_getaffinity(0))
    files = document["files"]
    return {
        "method": method,
        "folder": folder.name,
        "photos": len(photos),
        "counts": document["counts"],
        "faces": sum(len(f["faces"]) for f in files),
        "photos_without_face": sum(not f["faces"] for f in files),
        "seconds": round(seconds, 2),
        "milliseconds_a_photo": round(1000 * seconds / len(photos), 1),
        "peak_memory_mb": round(taken["peak_mb"]),
        "jobs": jobs or cores,
        "cores": cores,
        "python": platform.python_version(),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--methods", nargs="+", choices=WAYS, default=MEASURED)
    a = parser.parse_args()
    found = [measure(a.folder, a.limit, a.jobs, method) for method in a.methods]
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
