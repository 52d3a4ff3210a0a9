"""Does protection cost some people more matching than others? TMR kept per gender and race.

``python benchmarks/groups.py --data ../shared/data --models ../shared/models``

Colour crops of ``celeba128-test`` and ``lfw128``; genuine pairs of original and protected within a
group, one threshold for all at FMR 0.1 % of the originals. Neither set has race labels: a person's
is what the package's classifier (UTKFace) says of the mean of their photos, which is right in four
of five cases, so differences between groups are blurred.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from faceveil.data.packs import load_packs
from faceveil.evaluation.sets import choose
from faceveil.inference.card import WEIGHTS
from faceveil.inference.thresholds import threshold_at_fmr
from faceveil.judges.registry import shared_judges
from faceveil.systems.editors.protector import AttributeEstimator
from faceveil.systems.specs import DEFAULT
from faceveil.types import Target, Uint8Array

RACES = ("White", "Black", "Asian", "Indian")
MATCHERS = ("edgeface_xxs_q_deq", "mobileface_v2")  # 99 % or more on LFW
FMR = 0.001


def races_of(crops: Uint8Array, identity: np.ndarray) -> np.ndarray:
    """(N,) the race that each face's person is taken to have."""
    tell = AttributeEstimator(WEIGHTS / "aux_demographics.onnx", RACES)
    p = np.concatenate([tell(c[None].astype(np.float32) / 255) for c in crops])
    people, row = np.unique(identity, return_inverse=True)
    mean = np.stack([p[row == k].mean(0) for k in range(len(people))])
    return np.array(RACES)[mean.argmax(1)[row]]


def kept(
    before: np.ndarray, after: np.ndarray, identity: np.ndarray, member: np.ndarray, repeats: int
) -> dict[str, float]:
    """TMR of original against protected over that of the originals, within a group.

    Args:
        before: (N, D) unit embeddings of originals.
        after: (N, D) those of the protected faces.
        identity: (N,) who is who.
        member: (N,) whether a face is in the group.
        repeats: bootstrap repeats over people.
    """
    other = ~np.eye(len(identity), dtype=bool)
    genuine = (identity[:, None] == identity) & other
    scores = before @ before.T
    threshold = threshold_at_fmr(scores[np.triu(~genuine & other)], FMR)
    accepted = [(s >= threshold) & genuine for s in (scores, before @ after.T)]
    people, row = np.unique(identity[member], return_inverse=True)

    def per_person(pairs: np.ndarray) -> np.ndarray:
        return np.bincount(row, pairs[member].sum(1), len(people))

    was, now, pairs = per_person(accepted[0]), per_person(accepted[1]), per_person(genuine)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(people), (repeats, len(people)))
    ratio = np.sort(now[drawn].sum(1) / np.maximum(was[drawn].sum(1), 1))
    return {
        "people": len(people),
        "pairs": int(pairs.sum() / 2),
        "TMR of originals": float(was.sum() / pairs.sum()),
        "TMR kept": float(now.sum() / was.sum()),
        "low": float(ratio[int(0.025 * repeats)]),
        "high": float(ratio[int(0.975 * repeats)]),
    }


def main() -> None:
    """Parse the command line, measure, write JSON."""
    from faceveil import load_protector

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--method", default=DEFAULT)
    parser.add_argument("--target", default=None)
    parser.add_argument("--strength", type=float, default=0.8)
    parser.add_argument("--limit", type=int, default=1200, help="faces of each set")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/groups.json"))
    a = parser.parse_args()
    protector = load_protector(a.method)
    target: Target | None = a.target
    result: dict[str, object] = {"method": a.method, "target": a.target, "strength": a.strength}
    for name in ("celeba128-test", "lfw128"):
        pack = load_packs([a.data / f"{name}.parquet"])
        rows = choose(pack.male, pack.identity, a.limit, 0)
        size = (224, 224)
        images = [cv2.resize(i, size, interpolation=cv2.INTER_CUBIC) for i in pack.images[rows]]
        crops, male, identity = np.stack(images), pack.male[rows], pack.identity[rows]
        parts = [slice(k, k + 64) for k in range(0, len(crops), 64)]
        done = np.concatenate(
            [
                protector.protect_crops(crops[p], male[p], target=target, strength=a.strength)
                for p in parts
            ]
        )
        race = races_of(crops, identity)
        groups = {"all": np.ones(len(crops), bool), "women": male == 0, "men": male == 1}
        groups |= {r: race == r for r in RACES}
        for judge in shared_judges(a.models).matchers:
            if judge.info.name not in MATCHERS:
                continue
            before, after = (judge.embed(x) for x in (crops, done))
            before, after = (e / np.linalg.norm(e, axis=1, keepdims=True) for e in (before, after))
            for group, member in groups.items():
                row = kept(before, after, identity, member, 1000)
                result[f"{name}, {judge.info.name}, {group}"] = row
                print(name, judge.info.name, group, row, flush=True)
    a.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
