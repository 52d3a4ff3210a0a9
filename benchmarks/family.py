"""The SAN family against n: Ens-Avg, Ens-Gibbs, Ens-Best and FlowSAN (FlowSAN Table 3, Figs 6, 8).

``python benchmarks/family.py --data ../shared/data --models ../shared/models``

For n = 1 ... 5: gender EER averaged over judges and sets, and TMR at FMR 0.1 % averaged over
matchers and sets, each of them unseen in training. Full strength, opposite target, grey crops,
original probe against protected gallery. Writes JSON and, where matplotlib is there, a figure.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from judge_table import canonical, choose
from measuring import compare

from faceveil.data.packs import load_packs
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.judges.base import Readings, read
from faceveil.judges.registry import JudgeSet, shared_judges
from faceveil.systems.san.ensemble import drawn
from faceveil.systems.specs import MethodOptions, build_crop_protector
from faceveil.types import Float32Array, Uint8Array


@dataclass(frozen=True)
class Scene:
    """One set of crops with what is known of them."""

    crops: Uint8Array
    male: Float32Array
    people: np.ndarray


def outputs(name: str, scene: Scene, weights: Path, count: int, threads: int) -> list[Uint8Array]:
    """Outputs 1 ... count of the ensemble's members or the flow's stages, as pictures."""
    protector = build_crop_protector(
        name, choice=Choice(threads=threads), weights=weights, options=MethodOptions(stages=count)
    )
    parts: list[list[Uint8Array]] = [[] for _ in range(count)]
    for start in range(0, len(scene.crops), 64):
        rows = slice(start, start + 64)
        luma = np.asarray(scene.crops[rows] / np.float32(255), np.float32)
        male = scene.male[rows]
        for part, out in zip(parts, protector.outputs(luma, male, 1 - male), strict=True):  # type: ignore[attr-defined]
            part.append(np.rint(out * 255).astype(np.uint8))
    return [np.concatenate(p) for p in parts]


def gibbs(readings: list[Readings], scene: Scene, seed: int) -> Readings:
    """One member's reading for each face, as Ens-Gibbs draws."""
    luma = np.asarray(scene.crops / np.float32(255), np.float32)
    chosen = drawn(luma, len(readings), seed)
    rows = np.arange(len(chosen))

    def pick(kind: str) -> dict[str, Any]:
        first = getattr(readings[0], kind)
        return {k: np.stack([getattr(r, kind)[k] for r in readings])[chosen, rows] for k in first}

    return Readings(pick("p_male"), pick("embeddings"))


def best(readings: list[Readings], scene: Scene) -> Readings:
    """Each judge's own most misleading member (FlowSAN eq. 8); no matcher has a say in it."""
    men = scene.male > 0.5
    scores = {}
    for name in readings[0].p_male:
        stacked = np.stack([r.p_male[name] for r in readings])
        scores[name] = np.where(men, stacked.min(axis=0), stacked.max(axis=0))
    return Readings(scores, {})


def rows_of(
    scene: Scene, judges: JudgeSet, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """A row for every method and n."""
    before = read(scene.crops, judges.gender, judges.matchers)

    def row(method: str, n: int, after: Readings, picture: Uint8Array | None) -> dict[str, Any]:
        change = 0.0 if picture is None else mean_absolute_change(scene.crops, picture)
        seen = Readings(before.p_male, {k: before.embeddings[k] for k in after.embeddings})
        m = compare(seen, after, scene.male, scene.people, change)
        return {
            "method": method,
            "n": n,
            "eer": {g.judge: g.eer_after for g in m.gender},
            "auc": {g.judge: g.auc_after for g in m.gender},
            "tmr": {x.matcher: x.tmr_after for x in m.matchers},
            "change": change,
        }

    yield row("original", 0, before, scene.crops)
    for method in options.method:
        made = outputs(method, scene, options.weights, options.n, options.threads)
        seen = [read(x, judges.gender, judges.matchers) for x in made]
        for n in range(1, options.n + 1):
            if method == "flowsan":
                yield row("FlowSAN", n, seen[n - 1], made[n - 1])
                continue
            yield row("SAN alone", n, seen[n - 1], made[n - 1])  # the n-th member, not n of them
            mean = np.rint(np.mean(made[:n], axis=0, dtype=np.float32)).astype(np.uint8)
            averaged = seen[0] if n == 1 else read(mean, judges.gender, judges.matchers)
            yield row("Ens-Avg", n, averaged, mean)
            yield row("Ens-Gibbs", n, gibbs(seen[:n], scene, options.seed), None)
            yield row("Ens-Best", n, best(seen[:n], scene), None)


def summary(packs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Means over judges and sets, with the extremes of single judges, and TMR kept."""
    lines = []
    original = [p[0] for p in packs.values()]
    for rows in zip(*packs.values(), strict=True):
        eers = [v for r in rows for v in r["eer"].values()]
        tmr = [v for r in rows for v in r["tmr"].values()]
        full = [v for r in original for v in r["tmr"].values()]
        lines.append(
            {
                "method": rows[0]["method"],
                "n": rows[0]["n"],
                "gender EER": float(np.mean(eers)),
                "lowest EER": min(eers),
                "highest EER": max(eers),
                "TMR": float(np.mean(tmr)) if tmr else None,
                "TMR kept": float(np.mean(tmr) / np.mean(full)) if tmr else None,
                "change": float(np.mean([r["change"] for r in rows])),
            }
        )
    return lines


def record(packs: dict[str, list[dict[str, Any]]], weights: Path) -> None:
    """Put each member's and each stage's results into its card."""
    for method, name in (("SAN alone", "ensemble"), ("FlowSAN", "flowsan")):
        for n in sorted({r["n"] for rows in packs.values() for r in rows if r["method"] == method}):
            path = weights / f"{name}_{n}.json"
            card = json.loads(path.read_text())
            card["measured"] = {}
            for pack, rows in packs.items():
                before = rows[0]
                after = next(r for r in rows if (r["method"], r["n"]) == (method, n))
                pairs = {
                    key: {k: [round(before[key][k], 3), round(v, 3)] for k, v in after[key].items()}
                    for key in ("auc", "tmr")
                }
                eers = [float(np.mean(list(r["eer"].values()))) for r in (before, after)]
                card["measured"][pack] = {
                    "mean gender EER": [round(v, 3) for v in eers],
                    "gender AUC": pairs["auc"],
                    "TMR at FMR 0.1 %": pairs["tmr"],
                    "mean change": round(after["change"], 4),
                }
            path.write_text(json.dumps(card, indent=1) + "\n")


def figure(lines: list[dict[str, Any]], path: Path) -> None:
    """EER and TMR against n."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    original = lines[0]
    for axis, key, label in zip(
        axes, ("gender EER", "TMR"), ("gender EER", "TMR at FMR 0.1 %"), strict=True
    ):
        for method, marker, colour in (
            ("Ens-Avg", "s", "tab:blue"),
            ("Ens-Gibbs", "^", "tab:orange"),
            ("Ens-Best", "v", "tab:green"),
            ("FlowSAN", "o", "tab:red"),
        ):
            mine = [x for x in lines if x["method"] == method and x[key] is not None]
            if mine:
                n, y = [x["n"] for x in mine], [x[key] for x in mine]
                axis.plot(n, y, marker=marker, color=colour, label=method)
        axis.axhline(original[key], color="gray", ls="--", lw=1, label="original")
        axis.set_xlabel("n")
        axis.set_ylabel(label)
        axis.set_ylim(0, 1)
        axis.set_xticks(sorted({x["n"] for x in lines if x["n"]}))
    axes[0].axhspan(0.45, 0.55, color="tab:green", alpha=0.15, lw=0)
    axes[0].legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=110)


def main() -> None:
    """Parse the command line, measure, write JSON and figure."""
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--pack", action="append", help="default: celeba128-test and lfw128")
    parser.add_argument("--method", action="append", choices=("ensemble", "flowsan"))
    parser.add_argument("--n", type=int, default=5)
    parser.add_argument("--limit", type=int, help="about this many images, whole identities")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--output", type=Path, default=root / "benchmarks/results/family.json")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--record", action="store_true", help="put the results into the cards")
    options = parser.parse_args()
    options.method = options.method or ["ensemble", "flowsan"]
    judges = shared_judges(options.models, options.threads)
    packs: dict[str, list[dict[str, Any]]] = {}
    for name in options.pack or ("celeba128-test", "lfw128"):
        pack = load_packs([options.data / f"{name}.parquet"], grey=True)
        rows = choose(pack, options.limit, options.seed)
        scene = Scene(canonical(pack.images[rows]), pack.male[rows], pack.identity[rows])
        packs[name] = list(rows_of(scene, judges, options))
    lines = summary(packs)
    for line in lines:
        print({k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()})
    document = {"limit": options.limit, "seed": options.seed, "summary": lines, "packs": packs}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(document, indent=1) + "\n")
    if options.record:
        record(packs, options.weights)
    if options.figure:
        figure(lines, options.figure)


if __name__ == "__main__":
    main()
