"""Where the time of a photo goes: CPU time of each part of ``faceveil protect``, on one thread.

``OMP_NUM_THREADS=1 python benchmarks/parts.py [--folder ../shared/data/lfw-raw] [--limit 200]``

Functions are timed from outside, each without what it calls of the others; "all else" is what is
left of the whole, loading of models left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
from machine import machine

from faceveil import load_protector
from faceveil.files.batch import BatchOptions, protect_files
from faceveil.files.jobs import plan_jobs
from faceveil.protect.photo import PhotoOptions

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "parts.json"
ENGINES = (("cpu", "float32"), ("openvino", "float32"), ("openvino", "bfloat16"))
METHODS = ("adaptive", "san")
PARTS = {
    "read and decode": ("runtime.batch:read_photo", "runtime.batch:decode_photo"),
    "find faces": ("imaging.detect:CenterFace.detect",),
    "crop": ("protectors.photo:extract_crop",),
    "read the gender": ("protectors.estimator:GenderEstimator.p_male",),
    "network": ("runtime.network:OrtNetwork.__call__", "runtime.openvino:OpenVINONetwork.__call__"),
    "all else of the method": ("protectors.photo:change_of",),
    "paste": ("protectors.photo:apply_patches",),
    "encode": ("runtime.batch:encode_photo",),
    "write": ("runtime.batch:write_atomic",),
}


class Clock:
    """CPU seconds by part; what is within another part counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._open: list[list[float]] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted."""

        @wraps(function)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            start, inner = time.process_time(), [0.0]
            self._open.append(inner)
            try:
                return function(*arguments, **options)
            finally:
                self._open.pop()
                whole = time.process_time() - start
                self.seconds[part] += whole - inner[0]
                if self._open:
                    self._open[-1][0] += whole

        return wrapper


def instrument(clock: Clock) -> None:
    """Put the clock around the functions of all parts.

    Raises:
        AttributeError: if one of them has gone: the list above must follow the package.
    """
    for part, places in PARTS.items():
        for place in places:
            module, _, path = place.partition(":")
            *owners, name = path.split(".")
            owner = import_module(f"faceveil.{module}")
            for step in owners:
                owner = getattr(owner, step)
            setattr(owner, name, clock.timed(part, getattr(owner, name)))


def measure(
    clock: Clock, method: str, engine: tuple[Any, Any], photos: list[str]
) -> dict[str, Any]:
    """CPU milliseconds a photo by part."""
    device, precision = engine
    protector = load_protector(method, threads=1, device=device, precision=precision)
    options = BatchOptions(PhotoOptions())
    with tempfile.TemporaryDirectory() as warm:
        list(protect_files(plan_jobs(photos[:5], Path(warm)), protector, options))
    with tempfile.TemporaryDirectory() as output:
        jobs = plan_jobs(photos, Path(output))
        clock.seconds.clear()
        start = time.process_time()
        faces = sum(len(r.faces) for r in protect_files(jobs, protector, options))
        whole = time.process_time() - start
    parts = {part: clock.seconds[part] for part in PARTS}
    parts["all else"] = whole - sum(parts.values())
    each = {part: round(1000 * s / len(photos), 3) for part, s in parts.items()}
    return {
        "method": method,
        "device": device,
        "precision": precision,
        "photos": len(photos),
        "faces": faces,
        "ms_a_photo": each,
        "together": round(1000 * whole / len(photos), 3),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared/data/lfw-raw")
    parser.add_argument("--limit", type=int, default=200)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    facts = machine("onnxruntime", "openvino", "opencv-python-headless")
    photos = sorted(str(p) for p in a.folder.iterdir() if p.is_file())[: a.limit]
    clock, rows = Clock(), []
    instrument(clock)
    for method in METHODS:
        for engine in ENGINES:
            rows.append(measure(clock, method, engine, photos))
            print(json.dumps(rows[-1]), flush=True)
    document = {"machine": facts, "folder": a.folder.name, "rows": rows}
    RESULT.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
