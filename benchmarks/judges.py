"""Judges beside the figures in their own cards, and the LFW protocol before and after protection.

``python benchmarks/judges.py --data ../shared/data --models ../shared/models``

Gender judges: accuracy and AUC on ``lfw128`` and ``celeba128-test`` (colour crops) beside what the
files of ``models`` state for the full sets. Matchers: accuracy of ten folds and TMR at FMR 1 % on
the official View 2 pairs that lie within ``lfw128`` (2,947 of 6,000), beside the stated ones; then
with the second picture of each pair protected. The pair list has no folds: pairs are dealt out in
order. Crops come from 128 px packs, the stated figures from full photos.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from faceveil import load_protector
from faceveil.data.packs import Pack, load_packs
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics.verification import lfw_accuracy, tmr_at_fmr
from faceveil.judges.registry import shared_judges
from faceveil.types import Float32Array, Uint8Array


def canonical(pack: Pack) -> Uint8Array:
    """Pack images as colour canonical crops."""
    return np.stack([cv2.resize(x, (224, 224), interpolation=cv2.INTER_CUBIC) for x in pack.images])


def stated(models: Path, name: str, data: str) -> dict[str, Any]:
    """What a model's file of facts says it was verified at."""
    facts = json.loads((models / f"{name}.json").read_text())
    found: dict[str, Any] = facts["verified"].get("lfw" if "lfw" in data else "celeba_test", {})
    return found


def pair_scores(before: Float32Array, after: Float32Array, rows: np.ndarray) -> np.ndarray:
    """Cosine of each pair: the first picture as it is, the second from ``after``."""
    return np.asarray((before[rows[:, 0]] * after[rows[:, 1]]).sum(axis=1))


def main() -> None:
    """Measure, print, write JSON."""
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--protector", action="append", help="default: san")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--output", type=Path, default=root / "benchmarks/results/judges.json")
    a = parser.parse_args()
    judges = shared_judges(a.models, a.threads)
    document: dict[str, Any] = {"gender": {}, "lfw pairs": {}}
    packs = {n: load_packs([a.data / f"{n}.parquet"]) for n in ("celeba128-test", "lfw128")}
    for name, pack in packs.items():
        crops = canonical(pack)
        for judge in judges.gender:
            scores = judge.p_male(crops)
            fact = stated(a.models, judge.info.name, name)
            row = {
                "accuracy": round(1 - gender.error_rate(scores, pack.male), 4),
                "stated accuracy": fact.get("acc"),
                "balanced accuracy": round(gender.balanced_accuracy(scores, pack.male), 4),
                "AUC": round(gender.auc(scores, pack.male), 4),
                "stated AUC": round(fact.get("auc", float("nan")), 4),
            }
            document["gender"][f"{judge.info.name} on {name}"] = row
            print(name, judge.info.name, row, flush=True)
    pack = packs["lfw128"]
    where = {s: i for i, s in enumerate(pack.columns["source"])}
    with (a.data / "lfw-pairs.csv").open() as file:
        listed = list(csv.DictReader(file))
    rows = np.array([[where[r["a"]], where[r["b"]]] for r in listed])
    same = np.array([int(r["same"]) for r in listed])
    # Genuine pairs come first in the list: every tenth pair to a fold keeps both kinds in each.
    fold = np.arange(len(same)) % 10
    crops = canonical(pack)
    seconds = np.unique(rows[:, 1])
    versions: dict[str, Uint8Array] = {"original": crops}
    for name in a.protector or ["san"]:
        method, _, strength = name.partition("@")
        changed = crops.copy()
        changed[seconds] = load_protector(method, threads=a.threads).protect_crops(
            crops[seconds], pack.male[seconds].astype(np.uint8), strength=float(strength or 0.8)
        )
        versions[name] = changed
    for matcher in judges.matchers:
        before = matcher.embed(crops)
        for name, changed in versions.items():
            after = before if name == "original" else matcher.embed(changed)
            scores = pair_scores(before, after, rows)
            accuracy, error = lfw_accuracy(scores, same, fold)
            tmr = tmr_at_fmr(scores[same == 1], scores[same == 0], 0.01)
            row = {
                "accuracy": round(accuracy, 4),
                "standard error": round(error, 4),
                "TMR at FMR 1 %": round(tmr, 4),
            }
            if name == "original":
                fact = stated(a.models, matcher.info.name, "lfw")
                row |= {"stated accuracy": fact["acc10fold"], "stated TMR": fact["tmr@fmr1e-2"]}
            document["lfw pairs"][f"{matcher.info.name}, {name}"] = row
            print(matcher.info.name, name, row, flush=True)
    a.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
