"""Adversarial noise on the classifiers that it was made for, and on judges that it never saw.

``python benchmarks/noise.py --data ../shared/data --models ../shared/models --limit 400``

Grey crops of ``celeba128-test``, opposite target. White-box are the three auxiliary classifiers and
the mean of their logits; unseen are the public judges. TMR at FMR 0.1 %, original probe against
protected gallery. ``random`` is a control: random signs of 8/255 in cells of 2 x 2 pixels, about
the scale of PGD's, which shows how much is direction and how much just noise. Outputs are kept in
``--cache``, twenty faces a file, so that a stopped run goes on where it was. Seconds are those of
all cores together, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from judge_table import canonical, choose
from measuring import compare

from faceveil.data.packs import load_packs
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.judges.base import Readings, read
from faceveil.judges.registry import JudgeSet, shared_judges
from faceveil.systems.noise.white_box import MeanLogit
from faceveil.systems.specs import build_crop_protector
from faceveil.types import Float32Array, Uint8Array

CHUNK = 20


def outputs(
    method: str, luma: Float32Array, male: Float32Array, options: argparse.Namespace
) -> tuple[Float32Array, float]:
    """Full-strength outputs (N, 224, 224), and seconds of one core a face."""
    if method == "random":  # the control: as large as PGD's noise, but without a direction
        signs = np.random.default_rng(options.seed).choice([-1, 1], (len(luma), 112, 112))
        noise = np.kron(signs, np.ones((2, 2))).astype(np.float32) * 8 / 255
        return np.clip(luma + noise, 0, 1), 0.0
    protector = build_crop_protector(method, choice=Choice(threads=options.threads))
    target = 1 - male if options.target == "opposite" else np.full_like(male, 0.5)
    parts, seconds = [], 0.0
    for start in range(0, len(luma), CHUNK):
        key = f"{method}-{options.target}-{options.limit}-{options.seed}-{start}.npz"
        path = options.cache / key
        if not path.is_file():
            rows = slice(start, start + CHUNK)
            began = time.process_time()
            out = protector.protect(luma[rows], male[rows], target[rows], None)
            options.cache.mkdir(parents=True, exist_ok=True)
            np.savez(path, out=out, seconds=time.process_time() - began)
        with np.load(path) as file:
            parts.append(file["out"])
            seconds += float(file["seconds"])
    return np.concatenate(parts), seconds / len(luma)


def look(crops: Uint8Array, judges: JudgeSet, white: MeanLogit) -> Readings:
    """What unseen judges, the white-box classifiers and their mean make of the crops."""
    seen = read(crops, judges.gender, judges.matchers)
    luma = np.asarray(crops / np.float32(255), np.float32)
    logits = [network(luma)[0] for network in white.networks]
    p_male = dict(seen.p_male) | {
        f"white-box {i}": 1 / (1 + np.exp(-f)) for i, f in enumerate(logits, 1)
    }
    p_male["white-box mean"] = 1 / (1 + np.exp(-np.mean(logits, axis=0)))
    return Readings(p_male, seen.embeddings)


def row(before: Readings, after: Readings, scene: dict[str, Any], crops: Uint8Array) -> Any:
    """One method's figures: AUC and EER of each judge, their means, TMR of each matcher."""
    change = mean_absolute_change(scene["crops"], crops)
    m = compare(before, after, scene["male"], scene["people"], change)
    unseen = [g for g in m.gender if not g.judge.startswith("white-box")]
    return {
        "AUC": {g.judge: round(g.auc_after, 3) for g in m.gender},
        "EER": {g.judge: round(g.eer_after, 3) for g in m.gender},
        "mean AUC of unseen judges": round(float(np.mean([g.auc_after for g in unseen])), 3),
        "mean EER of unseen judges": round(float(np.mean([g.eer_after for g in unseen])), 3),
        "TMR": {x.matcher: round(x.tmr_after, 3) for x in m.matchers},
        "mean change": round(change, 4),
    }


def main() -> None:
    """Parse the command line, measure, print, write JSON; rows of other methods are kept."""
    options = parse()
    cv2.setNumThreads(options.threads)
    pack = load_packs([options.data / "celeba128-test.parquet"], grey=True)
    rows = choose(pack, options.limit, options.seed)
    crops, male = canonical(pack.images[rows]), pack.male[rows].astype(np.float32)
    scene = {"crops": crops, "male": male, "people": pack.identity[rows]}
    judges = shared_judges(options.models, options.threads)
    white = MeanLogit([WEIGHTS / f"noise_{i}.onnx" for i in (1, 2, 3)], options.threads)
    luma = np.asarray(crops / np.float32(255), np.float32)
    made = {m: outputs(m, luma, male, options) for m in options.method}
    before = look(crops, judges, white)
    found = {"original": row(before, before, scene, crops)}
    for method, (out, seconds) in made.items():
        for strength in options.strength:
            picture = np.rint((luma + strength * (out - luma)) * 255).astype(np.uint8)
            after = look(picture, judges, white)
            name = f"{method}, {options.target}, strength {strength:g}"
            found[name] = row(before, after, scene, picture)
            found[name]["core seconds a face"] = round(seconds, 2)
    for name, line in found.items():
        print(name, json.dumps(line, indent=1), flush=True)
    document = {"limit": options.limit, "seed": options.seed, "threads": options.threads}
    if options.output.is_file():
        old = json.loads(options.output.read_text())
        if all(old[k] == v for k, v in document.items()):
            found = old["rows"] | found
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(document | {"rows": found}, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument(
        "--method", action="append", help="pgd, cw or random; all three where none is given"
    )
    parser.add_argument("--target", choices=("opposite", "neutral"), default="opposite")
    parser.add_argument("--strength", type=float, action="append", help="default: 0.8 and 1")
    parser.add_argument("--limit", type=int, help="about this many images, whole identities")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=root / "runs/cache/noise")
    parser.add_argument("--output", type=Path, default=root / "benchmarks/results/noise.json")
    options = parser.parse_args()
    options.method = options.method or ["pgd", "cw", "random"]
    options.strength = options.strength or [0.8, 1.0]
    return options


if __name__ == "__main__":
    main()
