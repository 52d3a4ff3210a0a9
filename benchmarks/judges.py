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
from numpy.typing import ArrayLike, NDArray
from ways import repeatable

from faceveil import load_protector
from faceveil.data.packs import Pack, load_packs
from faceveil.errors import OptionError
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics.verification import tmr_at_fmr
from faceveil.evaluation.results import versions
from faceveil.inference.thresholds import finite_scores
from faceveil.judges.cache import Answers, CachedGenderJudge, CachedMatcher
from faceveil.judges.registry import JudgeSet, shared_judges
from faceveil.types import Float32Array, Uint8Array


def canonical(pack: Pack) -> Uint8Array:
    """Pack images as colour canonical crops."""
    return np.stack([cv2.resize(x, (224, 224), interpolation=cv2.INTER_CUBIC) for x in pack.images])


def kept(judges: JudgeSet, path: Path) -> tuple[list[CachedGenderJudge], list[CachedMatcher]]:
    """The judges with their answers kept in a file, so that a stopped run goes on."""
    answers = Answers(path)
    gender_judges = [CachedGenderJudge(judge, answers) for judge in judges.gender]
    return gender_judges, [CachedMatcher(matcher, answers) for matcher in judges.matchers]


def stated(models: Path, name: str, data: str) -> dict[str, Any]:
    """What a model's file of facts says it was verified at."""
    facts = json.loads((models / f"{name}.json").read_text())
    found: dict[str, Any] = facts["verified"].get("lfw" if "lfw" in data else "celeba_test", {})
    return found


def lfw_accuracy(scores: ArrayLike, same: ArrayLike, fold: ArrayLike) -> tuple[float, float]:
    """The official LFW protocol (View 2): mean accuracy over folds, and its standard error.

    The threshold of each fold is the best one on all other folds; of several, the lowest.

    Args:
        scores: (N,) similarity of each pair.
        same: (N,) 1 where a pair shows one person.
        fold: (N,) the fold of each pair, at least two of them.

    Raises:
        OptionError: if a score is not finite, the lengths differ or there is one fold only.
    """
    values = finite_scores(scores, "pair")
    labels, folds = np.asarray(same).astype(bool), np.asarray(fold)
    if labels.shape != values.shape or folds.shape != values.shape:
        raise OptionError(
            f"pairs: got {len(values)} scores, labels {labels.shape} and folds {folds.shape}; "
            "expected one of each per pair"
        )
    names = np.unique(folds)
    if len(names) < 2:
        raise OptionError(f"folds: got {len(names)}; expected two or more (the protocol has ten)")
    accuracies = []
    for name in names:
        held = folds == name
        threshold = _best_threshold(values[~held], labels[~held])
        accuracies.append(((values[held] >= threshold) == labels[held]).mean())
    spread = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return float(np.mean(accuracies)), float(spread)


def _best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Half-way between two neighbouring scores, where most decisions are right."""
    levels, groups = np.unique(scores, return_inverse=True)
    # Equal scores fall on one side together, so they count per level.
    genuine = np.bincount(groups, weights=same, minlength=len(levels))
    impostor = np.bincount(groups, weights=~same, minlength=len(levels))
    refused = np.concatenate([[0], np.cumsum(impostor)])
    matched = np.concatenate([np.cumsum(genuine[::-1])[::-1], [0]])
    edges = np.concatenate([[levels[0] - 1], (levels[:-1] + levels[1:]) / 2, [levels[-1] + 1]])
    return float(edges[(refused + matched).argmax()])


def pair_scores(before: Float32Array, after: Float32Array, rows: np.ndarray) -> np.ndarray:
    """Cosine of each pair: the first picture as it is, the second from ``after``."""
    return np.asarray((before[rows[:, 0]] * after[rows[:, 1]]).sum(axis=1))


def markdown(document: dict[str, Any]) -> str:
    """The table of docs/evaluation.md: ours, and what the model's file of facts states."""

    def cell(row: dict[str, Any], key: str, fact: str) -> str:
        return f"{row[key]:.3f} ({row[fact]:.3f})" if row.get(fact) is not None else "-"

    lines = [
        "| gender judge | CelebA: accuracy | AUC | LFW: accuracy | AUC |",
        "|---|---|---|---|---|",
    ]
    found = document["gender"]
    for name in dict.fromkeys(key.split(" on ")[0] for key in found):
        rows = [found[f"{name} on {data}"] for data in ("celeba128-test", "lfw128")]
        cells = [cell(r, k, f"stated {k}") for r in rows for k in ("accuracy", "AUC")]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += [
        "",
        "| matcher, second picture | LFW pairs: accuracy | TMR at FMR 1 % |",
        "|---|---|---|",
    ]
    for key, row in document["lfw pairs"].items():
        if "stated accuracy" in row:
            accuracy = cell(row, "accuracy", "stated accuracy")
            tmr = cell(row, "TMR at FMR 1 %", "stated TMR")
        else:
            accuracy, tmr = f"{row['accuracy']:.3f}", f"{row['TMR at FMR 1 %']:.3f}"
        name, second = key.split(", ")
        lines.append(f"| `{name}`, {second} | {accuracy} | {tmr} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write JSON."""
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--protector", action="append", help="default: san")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=root / "runs" / "cache" / "judges.sqlite")
    parser.add_argument("--output", type=Path, default=root / "benchmarks/results/judges.json")
    a = parser.parse_args()
    gender_judges, matchers = kept(shared_judges(a.models, a.threads), a.cache)
    document: dict[str, Any] = {"gender": {}, "lfw pairs": {}}
    packs = {n: load_packs([a.data / f"{n}.parquet"]) for n in ("celeba128-test", "lfw128")}
    for name, pack in packs.items():
        crops = canonical(pack)
        for judge in gender_judges:
            scores = judge.p_male(crops)
            fact = stated(a.models, judge.info.name, name)
            row = {
                "accuracy": round(1 - gender.error_rate(scores, pack.male), 4),
                "stated accuracy": fact.get("acc"),
                "balanced accuracy": round(gender.balanced_accuracy(scores, pack.male), 4),
                "AUC": round(gender.auc(scores, pack.male), 4),
                "stated AUC": round(fact["auc"], 4) if "auc" in fact else None,
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
    protected: dict[str, Uint8Array] = {"original": crops}
    for name in a.protector or ["san"]:
        method, _, strength = name.partition("@")
        changed = crops.copy()
        protector = load_protector(method, threads=a.threads)
        changed[seconds] = protector.protect_crops(
            crops[seconds],
            pack.male[seconds].astype(np.uint8),
            target=repeatable(protector),
            strength=float(strength or 0.8),
        )
        protected[name] = changed
    for matcher in matchers:
        before = matcher.embed(crops)
        for name, changed in protected.items():
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
    document["pairs"] = {"same": int(same.sum()), "different": int((same == 0).sum())}
    document["versions"] = versions()
    a.output.write_text(json.dumps(document, indent=1) + "\n")
    print(markdown(document))


if __name__ == "__main__":
    main()
