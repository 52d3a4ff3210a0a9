"""How often a strong reader contradicts ``faceveil check``, and what its band was chosen by.

``python benchmarks/contradiction.py choose --data ../shared/data`` looks at ``celeba128-val``
alone: AUC, accuracy and agreement of the readers that could be asked, and for bands of several
widths how often readers set apart (``recipes/readers``: no protector that ships was trained against
them) still read what a face is said to show no more. The band in ``faceveil.evaluation.verdict``
and the three readers follow from it.

``python benchmarks/contradiction.py report --data ../shared/data --models ../shared/models`` asks
``faceres``, which nothing was chosen by, on faces that no reader and no protector was trained on:
``celeba128-test``, and beside it LFW, which two of the three readers were trained on, as crops and
as photos.

A face that worked is contradicted where the strong reader's P(male) is on the wrong side of 0.5:
with ``neutral`` and ``opposite`` on the side that most readers read before, with ``random`` on the
side that was not drawn. ``decided`` counts only answers beyond 0.35 and 0.65.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import machine

from faceveil import load_protector
from faceveil.data.lfw import read_lfw
from faceveil.data.packs import load_packs
from faceveil.evaluation.check import check_faces, check_photos
from faceveil.evaluation.face_check import FaceCheck
from faceveil.evaluation.metrics.gender import auc
from faceveil.evaluation.verdict import UNDECIDED, GenderReading, outcome, shown_before
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.decode import load_photo
from faceveil.imaging.detect import CenterFace
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.imaging.photo import as_rgb
from faceveil.inference.device import Choice
from faceveil.judges.onnx_judge import OnnxGenderJudge
from faceveil.judges.registry import bundled, load_card, shared_judges
from faceveil.protect.targets import Draw
from faceveil.types import Target, Uint8Array

KEY = bytes(range(32))  # so that the benchmark can be repeated; a user's is secret
TARGETS: tuple[Target, ...] = ("random", "neutral", "opposite")
READERS = Path("recipes/readers")
APART = ("reader_3", "reader_7", "choose_2")


def faces_of(data: Path, pack: str, limit: int, seed: int) -> tuple[Uint8Array, np.ndarray]:
    """(N, 224, 224, 3) colour crops and (N,) labels: one face a person, half of them men."""
    found = load_packs([data / f"{pack}.parquet"])
    order = np.random.default_rng(seed).permutation(len(found))
    if len(found.identity):
        order = order[np.unique(found.identity[order], return_index=True)[1]]
        order = np.random.default_rng(seed).permutation(order)
    rows = np.concatenate([order[found.male[order] == g][: limit // 2] for g in (0, 1)])
    crops = [cv2.resize(found.images[i], (224, 224), interpolation=cv2.INTER_CUBIC) for i in rows]
    return np.stack(crops), found.male[rows]


def judge(folder: Path, name: str) -> OnnxGenderJudge:
    """A reader by its card."""
    return OnnxGenderJudge(load_card(folder / f"{name}.json"), folder, threads=1)


def contradictions(
    checks: Sequence[FaceCheck], after: np.ndarray, drawn: np.ndarray | None
) -> dict[str, Any]:
    """How often the strong reader's answers ``after`` contradict faces that worked."""
    worked = [i for i, check in enumerate(checks) if check.passed]
    wrong = decided = 0
    for i in worked:
        truth = shown_before(checks[i].readings) if drawn is None else 1 - 2 * int(drawn[i])
        wrong += truth * (after[i] - 0.5) > 0
        decided += truth * (after[i] - 0.5) > 0.15
    count = max(len(worked), 1)
    return {
        "faces": len(checks),
        "worked": len(worked),
        "contradicted": wrong / count,
        "contradicted, decided": decided / count,
        "interval": _interval(wrong, len(worked)),
        "outcomes": dict(Counter(check.outcome for check in checks)),
    }


def _interval(hits: int, count: int) -> list[float]:
    """Wilson's interval at 95 %."""
    if count == 0:
        return [0.0, 1.0]
    z, p = 1.96, hits / count
    middle, share = p + z * z / (2 * count), 1 + z * z / count
    width = z * float(np.sqrt(p * (1 - p) / count + (z / count / 2) ** 2))
    return [(middle - width) / share, (middle + width) / share]


def report_crops(a: argparse.Namespace, pack: str) -> dict[str, Any]:
    """Crops of a pack, each target."""
    own, protector = bundled(threads=1), load_protector(threads=1)
    (strong,) = shared_judges(a.models, 1, ["faceres"]).gender
    crops, male = faces_of(a.data, pack, a.limit, a.seed)
    found: dict[str, Any] = {"faceres, AUC of originals": auc(strong.p_male(crops), male)}
    for target in TARGETS:
        drawn = np.array([Draw(key=KEY).male(crop) for crop in crops])
        random = target == "random"
        done = protector.protect_crops(crops, target=target, key=KEY if random else b"")
        drew = drawn if random else None
        checks = check_faces(crops, done, own.gender, own.matchers[0], drawn=drew)
        after = strong.p_male(done)
        found[target] = contradictions(checks, after, drew)
        found[target]["faceres, AUC"] = auc(after, male)
    return found


def report_photos(a: argparse.Namespace) -> dict[str, Any]:
    """Photos of LFW: detected, protected, pasted back and found again."""
    own, protector = bundled(1), load_protector(threads=1)
    detector = CenterFace(choice=Choice(threads=1))
    (strong,) = shared_judges(a.models, 1, ["faceres"]).gender
    paths = [r.path for r in read_lfw(a.data / "lfw-raw")][: a.photos]
    found: dict[str, Any] = {}
    for target in TARGETS:
        checks: list[FaceCheck] = []
        drawn: list[float] = []
        crops: list[Uint8Array] = []
        draw = Draw(key=KEY) if target == "random" else None
        for path in paths:
            before = as_rgb(load_photo(path))
            done = protector.protect_photo(
                before, faces="largest", target=target, key=KEY if draw else b""
            )
            if not done.faces:
                continue
            result = check_photos(
                before,
                done.image,
                detector,
                own.gender,
                own.matchers[0],
                draw=draw,
                which="largest",
            )
            frame = canonical_from_landmarks(result.faces[0].landmarks)
            checks += result.checks
            drawn.append(Draw(key=KEY).male(extract_crop(before, frame)))
            crops.append(extract_crop(done.image, frame))
        drew = None if draw is None else np.array(drawn)
        found[target] = contradictions(checks, strong.p_male(np.stack(crops)), drew)
    return found


def choose(a: argparse.Namespace) -> dict[str, Any]:
    """What the readers and the band were chosen by: celeba128-val alone."""
    asked = list(bundled(threads=1).gender)
    candidates = [*asked, judge(READERS, "choose_3")]
    apart = [judge(READERS, name) for name in APART]
    crops, male = faces_of(a.data, "celeba128-val", a.limit, a.seed)
    before = {j.info.name: j.p_male(crops) for j in candidates}
    document: dict[str, Any] = {
        "faces": len(crops),
        "readers": {
            name: {"AUC": auc(p, male), "accuracy": float(((p >= 0.5) == male).mean())}
            for name, p in before.items()
        },
        "agreement": {
            f"{x}, {y}": float(((before[x] >= 0.5) == (before[y] >= 0.5)).mean())
            for x, y in combinations(before, 2)
        },
        "bands": [],
    }
    done = load_protector(threads=1).protect_crops(crops, target="neutral")
    after = {j.info.name: j.p_male(done) for j in candidates}
    strong = {j.info.name: j.p_male(done) for j in apart}
    names = list(before)
    for chosen in (names[:1], names[:2], names[:3], [*names[:2], names[3]], names):
        for wide in (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2):
            document["bands"].append(
                {"readers": chosen, "side": wide, **_at(wide, chosen, before, after, strong)}
            )
    return document


def _at(
    wide: float,
    chosen: Sequence[str],
    before: dict[str, np.ndarray],
    after: dict[str, np.ndarray],
    strong: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Faces that worked at a band of that many units of P a side, and who contradicts them.

    The rules of the verdict are for its own band: readings are stretched about 0.5 to fit it.
    """
    stretch = (UNDECIDED[1] - 0.5) / wide

    def scaled(p: float) -> float:
        return 0.5 + (p - 0.5) * stretch

    worked, shown = [], []
    for i in range(len(before[chosen[0]])):
        readings = [
            GenderReading(n, scaled(float(before[n][i])), scaled(float(after[n][i])))
            for n in chosen
        ]
        if outcome(readings, changed=True) in ("unclear", "other"):
            worked.append(i)
            shown.append(shown_before(readings))
    truth = np.array(shown)
    return {
        "worked": len(worked) / len(before[chosen[0]]),
        "contradicted": {
            name: float((truth * (p[worked] - 0.5) > 0).mean()) for name, p in strong.items()
        },
    }


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("choose", "report"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--limit", type=int, default=300, help="faces of a set")
    parser.add_argument("--photos", type=int, default=None, help="of LFW; all if left out")
    parser.add_argument("--sets", default="celeba128-test,lfw128,photos of lfw-raw")
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    path = Path("benchmarks/results/contradiction.json")
    document = json.loads(path.read_text()) if path.is_file() else {}
    document["machine"] = machine("onnxruntime", "numpy")
    document["band"] = list(UNDECIDED)
    if a.part == "choose":
        document["chosen by celeba128-val"] = choose(a)
    else:
        if a.models is None:
            parser.error("report: needs --models, a folder with faceres.onnx")
        found = document.setdefault("reported on faceres", {})
        for name in a.sets.split(","):
            photos = name == "photos of lfw-raw"
            found[name] = report_photos(a) if photos else report_crops(a, name)
            path.write_text(json.dumps(document, indent=1) + "\n")
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
