"""What lower precision costs: the default and the SAN in 32, 16 and 8 bits, their time and judges.

``python benchmarks/precision.py [--limit 600]``

The default makes faces neutral, the SAN turns them to the other gender: what they do where nobody
says. The 8-bit graph is calibrated on faces that neither training nor this measurement uses
(``celeba128-val``). ONNX Runtime has no convolution in bfloat16 on a CPU; OpenVINO has.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from judge_table import canonical, choose, summarise
from machine import machine
from measuring import compare
from quantised import Feed, quantised
from ways import repeatable

from faceveil import Protector, load_protector
from faceveil.data.packs import Pack, load_packs
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.imaging.prototypes import prototype_warp
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Device, Precision
from faceveil.judges.base import read
from faceveil.judges.registry import shared_judges

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "precision.json"
BATCH = 16
METHODS = ("adaptive", "san")
ENGINES: dict[str, tuple[Device, Precision]] = {
    "float32, ONNX Runtime": ("cpu", "float32"),
    "float32, OpenVINO": ("openvino", "float32"),
    "bfloat16, OpenVINO": ("openvino", "bfloat16"),
}


def calibration(pack: Pack, frame: int) -> list[Feed]:
    """Batches of faces on the template, each to be turned to the other gender."""
    feeds = []
    for start in range(0, 128, BATCH):
        male = pack.male[start : start + BATCH].astype(np.float32)
        image = pack.images[start : start + BATCH, None].astype(np.float32) / 255
        if image.shape[-1] != frame:
            raise ValueError(f"faces of {image.shape[-1]} px; expected {frame}")
        theta = prototype_warp(None, len(image))
        feeds.append({"image": image, "male": male, "target": 1 - male, "theta": theta})
    return feeds


def variants(folder: Path, data: Path, threads: int) -> dict[str, dict[str, Protector]]:
    """Protectors by method and precision; the first of each method is the reference."""
    made: dict[str, dict[str, Protector]] = {}
    for method in METHODS:
        made[method] = {
            name: load_protector(method, threads=threads, device=device, precision=precision)
            for name, (device, precision) in ENGINES.items()
        }
    card = json.loads((WEIGHTS / "san.json").read_text())
    feeds = calibration(load_packs([data / "celeba128-val.parquet"], grey=True), card["frame_px"])
    quantised(WEIGHTS / "san.onnx", folder / "san.onnx", feeds)
    card["sha256"] = hashlib.sha256((folder / "san.onnx").read_bytes()).hexdigest()
    (folder / "san.json").write_text(json.dumps(card))
    made["san"]["int8, ONNX Runtime"] = load_protector(
        "san", threads=threads, weights=folder, device="cpu"
    )
    return made


def times(made: dict[str, Protector], runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds a face of the method without detection, median, in turn."""
    found: dict[str, dict[str, float]] = {name: {} for name in made}
    for count in (1, BATCH):
        rng = np.random.default_rng(0)
        male = (np.arange(count) % 2).astype(np.float32)
        taken: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(runs + 1):
            for name, protector in made.items():
                method = protector.crop_protector
                colour = (3,) if method.channels == 3 else ()
                faces = rng.random((count, 224, 224, *colour), np.float32)
                start = time.perf_counter()
                method.protect(faces, male, 1 - male, None)
                taken[name].append(time.perf_counter() - start)
        for name, t in taken.items():  # the first round warms up
            found[name][f"ms_a_face_batch_{count}"] = round(
                1000 * statistics.median(t[1:]) / count, 3
            )
    return found


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--models", type=Path, default=ROOT.parent / "shared" / "models")
    parser.add_argument("--limit", type=int, default=600, help="about this many faces")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=RESULT)
    a = parser.parse_args()
    facts = machine("onnxruntime", "openvino")
    pack = load_packs([a.data / "celeba128-test.parquet"], grey=True)
    rows = choose(pack, a.limit, 0)
    crops, male, people = canonical(pack.images[rows]), pack.male[rows], pack.identity[rows]
    judges = shared_judges(a.models, facts["cores"])
    before = read(crops, judges.gender, judges.matchers)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for method, made in variants(Path(folder), a.data, facts["cores"]).items():
            speed, found[method] = times(made, a.runs), {}
            for name, protector in made.items():
                protected = protector.protect_crops(
                    crops, male.astype(np.uint8), target=repeatable(protector)
                )
                after = read(protected, judges.gender, judges.matchers)
                change = mean_absolute_change(crops, protected)
                result = compare(before, after, male, people, change).to_json()
                found[method][name] = {**speed[name], **summarise(result)}
                print(method, name, json.dumps(found[method][name]), flush=True)
    document = {"machine": facts, "pack": "celeba128-test", "precisions": found}
    a.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
