"""What lower precision costs: the shipped SAN in 32, 16 and 8 bits, its time and what judges say.

``python benchmarks/precision.py [--limit 600]``

The 8-bit graph is calibrated on faces that neither training nor this measurement uses
(``celeba128-val``). ONNX Runtime has no convolution in bfloat16 on a CPU: PyTorch stands in for it.
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
import torch
from judge_table import canonical, choose, summarise
from machine import machine
from quantised import Feed, quantised
from safetensors.torch import load_file

from faceveil.data.packs import Pack, load_packs
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.evaluation.protocol import compare, read
from faceveil.imaging.prototypes import prototype_warp
from faceveil.judges.registry import shared_judges
from faceveil.networks.layout import channels_last
from faceveil.networks.prototypes import PrototypeSAN
from faceveil.networks.san import SAN
from faceveil.protectors.protector import Protector
from faceveil.protectors.san import SANProtector
from faceveil.runtime.session import WEIGHTS
from faceveil.types import Float32Array

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "precision.json"
BATCH = 16


class HalfPrecision:
    """The SAN in PyTorch's bfloat16, behind the two methods of a session that are used."""

    def __init__(self) -> None:
        state = load_file(WEIGHTS / "san.safetensors")
        model = PrototypeSAN(SAN(), state["prototypes"].float())
        model.load_state_dict({k: v.float() for k, v in state.items()})
        self.model = channels_last(model.eval())

    def get_providers(self) -> list[str]:
        """None of ONNX Runtime's."""
        return []

    def run(self, _: Any, feed: Feed, __: Any = None) -> list[Float32Array]:
        """The output of a batch."""
        with torch.inference_mode():
            image, male, target, theta = (torch.from_numpy(feed[k]) for k in feed)
            same, wanted = (self.model.prototype(m, theta) for m in (male, target))
            # The warp stays in 32 bits; half a pixel of the face is more than bfloat16 resolves.
            with torch.autocast("cpu", torch.bfloat16):
                out = self.model.san(image, same, wanted)
        return [out.float().numpy()]


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


def variants(folder: Path, data: Path, threads: int) -> dict[str, SANProtector]:
    """The protector by precision."""
    made = {
        name: SANProtector(WEIGHTS / "san.onnx", threads)
        for name in ("float32, ONNX Runtime", "bfloat16, PyTorch")
    }
    made["bfloat16, PyTorch"].network._session = HalfPrecision()
    card = json.loads((WEIGHTS / "san.json").read_text())
    feeds = calibration(load_packs([data / "celeba128-val.parquet"], grey=True), card["frame_px"])
    quantised(WEIGHTS / "san.onnx", folder / "san.onnx", feeds)
    card["sha256"] = hashlib.sha256((folder / "san.onnx").read_bytes()).hexdigest()
    (folder / "san.json").write_text(json.dumps(card))
    made["int8, ONNX Runtime"] = SANProtector(folder / "san.onnx", threads)
    return made


def times(made: dict[str, SANProtector], runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds a face of the network alone, median, in turn."""
    found: dict[str, dict[str, float]] = {name: {} for name in made}
    for count in (1, BATCH):
        side = next(iter(made.values())).network.frame
        faces = np.random.default_rng(0).random((count, side, side), np.float32)
        male = (np.arange(count) % 2).astype(np.float32)
        theta = prototype_warp(None, count)
        taken: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(runs + 1):
            for name, protector in made.items():
                start = time.perf_counter()
                protector.network(faces, male, 1 - male, theta)
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
    facts = machine("torch", "onnxruntime")
    threads = facts["cores"]
    torch.set_num_threads(threads)
    pack = load_packs([a.data / "celeba128-test.parquet"], grey=True)
    rows = choose(pack, a.limit, 0)
    crops, male, people = canonical(pack.images[rows]), pack.male[rows], pack.identity[rows]
    judges = shared_judges(a.models, threads)
    before = read(crops, judges.gender, judges.matchers)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        made = variants(Path(folder), a.data, threads)
        speed = times(made, a.runs)
        for name, method in made.items():
            protector = Protector(method, None, None)  # genders are given, crops need no detector
            protected = protector.protect_crops(crops, male.astype(np.uint8))
            after = read(protected, judges.gender, judges.matchers)
            change = mean_absolute_change(crops, protected)
            result = compare(before, after, male, people, change).to_json()
            found[name] = {**speed[name], **summarise(result)}
            print(name, json.dumps(found[name]), flush=True)
    document = {"machine": facts, "pack": "celeba128-test", "precisions": found}
    a.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
