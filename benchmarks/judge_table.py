"""Judges before and after protection, on the packs: the table that README and notes quote.

``python benchmarks/judge_table.py --data ../shared/data --models ../shared/models --limit 600
--protector authors-san --protector san``

Crops are grey (BT.601 luma) and upsampled from the pack's 128 px to the canonical 224 px. The
original probe meets the protected gallery, never the same picture. Needs the extra ``train`` or
``dev`` (Parquet).
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from measuring import Measurement, compare, render_table
from numpy.typing import NDArray
from peers import SIDE, Protect, authors_san

from faceveil.data.packs import Pack, load_packs
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.inference.card import WEIGHTS
from faceveil.judges.base import read
from faceveil.judges.registry import shared_judges
from faceveil.protect.targets import DEFAULT_STRENGTH
from faceveil.types import Uint8Array


@dataclass(frozen=True)
class Options:
    """The command line."""

    data: Path
    models: Path
    packs: tuple[str, ...]
    protectors: tuple[str, ...]
    limit: int | None
    seed: int
    threads: int
    cache: Path
    output: Path


def choose(pack: Pack, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Rows of about ``limit`` images: whole identities of two images or more, half of them men.

    Identities are drawn without replacement by the seed; all rows where there is no limit.
    """
    if limit is None:
        return np.arange(len(pack))
    rows: list[NDArray[np.int64]] = []
    counts = {0: 0, 1: 0}
    people, sizes = np.unique(pack.identity, return_counts=True)
    for person in np.random.default_rng(seed).permutation(people[sizes > 1]):
        mine = np.flatnonzero(pack.identity == person)
        male = int(pack.male[mine[0]])
        if counts[male] < limit / 2:
            rows.append(mine)
            counts[male] += len(mine)
    return np.concatenate(rows)


def canonical(images: Uint8Array) -> Uint8Array:
    """Pack images to grey canonical crops: (N, 128, 128) -> (N, 224, 224) uint8."""
    size = (SIDE, SIDE)
    return np.stack([cv2.resize(x, size, interpolation=cv2.INTER_CUBIC) for x in images])


def protector(name: str, options: Options) -> Protect:
    """``authors-san``, one of ``faceveil.list_protectors()``, or such a name with ``@STRENGTH``."""
    if name == "authors-san":
        return authors_san(options.data, options.models, options.cache, options.threads)
    from faceveil import load_protector

    method, _, strength = name.partition("@")
    ours = load_protector(method, threads=options.threads)
    full = float(strength or DEFAULT_STRENGTH)
    return lambda crops, male: ours.protect_crops(crops, male, target="opposite", strength=full)


def measure_pack(name: str, options: Options) -> dict[str, Measurement]:
    """All protectors on one pack, the judges' readings of the originals taken once."""
    pack = load_packs([options.data / f"{name}.parquet"], grey=True)
    rows = choose(pack, options.limit, options.seed)
    crops, male, people = canonical(pack.images[rows]), pack.male[rows], pack.identity[rows]
    judges = shared_judges(options.models, options.threads)
    before = read(crops, judges.gender, judges.matchers)
    results = {}
    for method in options.protectors:
        protected = protector(method, options)(crops, male.astype(np.uint8))
        after = read(protected, judges.gender, judges.matchers)
        change = mean_absolute_change(crops, protected)
        results[method] = compare(before, after, male, people, change)
    return results


def record(method: str, found: dict[str, Any]) -> None:
    """Put a method's results into the card of its shipped weights, if it has one."""
    path = WEIGHTS / f"{method}.json"
    if not path.is_file():
        return
    card = json.loads(path.read_text())
    card["measured"] = {pack: summarise(results[method]) for pack, results in found.items()}
    path.write_text(json.dumps(card, indent=1) + "\n")


def summarise(result: dict[str, Any]) -> dict[str, Any]:
    """A measurement in one screen: each judge's AUC, the mean EER, each matcher's TMR."""
    gender, matchers = result["gender"], result["matchers"]
    eer = {k: sum(g[f"eer_{k}"] for g in gender) / len(gender) for k in ("before", "after")}
    return {
        "images": result["images"],
        "mean gender EER": [round(v, 3) for v in eer.values()],
        "gender AUC": {g["judge"]: [round(g[f"auc_{k}"], 3) for k in eer] for g in gender},
        "TMR at FMR 0.1 %": {
            m["matcher"]: [round(m[f"tmr_{k}"], 3) for k in eer] for m in matchers
        },
        "mean change": round(result["mean_change"], 4),
    }


def keep_others(path: Path, document: dict[str, Any]) -> None:
    """Keep what an earlier run measured with other protectors on the very same crops."""
    if not path.is_file():
        return
    old = json.loads(path.read_text())
    if any(old[k] != document[k] for k in ("protocol", "limit", "seed", "versions")):
        return
    for pack, results in old["packs"].items():
        document["packs"][pack] = results | document["packs"].get(pack, {})


def main() -> None:
    """Parse the command line, measure, print tables, write JSON."""
    options = parse()
    cv2.setNumThreads(options.threads)
    start = time.perf_counter()
    found: dict[str, Any] = {}
    for name in options.packs:
        results = measure_pack(name, options)
        found[name] = {method: result.to_json() for method, result in results.items()}
        print(f"\n{name}\n\n{render_table(results)}", flush=True)
    document = {
        "protocol": "grey crops, original probe, protected gallery, TMR at FMR 0.1 %",
        "limit": options.limit,
        "seed": options.seed,
        "versions": {
            "python": platform.python_version(),
            **{m.__name__: m.__version__ for m in (np, cv2, ort)},
        },
        "seconds": round(time.perf_counter() - start, 1),
        "packs": found,
    }
    if options.limit is None:
        for method in options.protectors:
            record(method, found)
    keep_others(options.output, document)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nwritten to {options.output}")


def parse() -> Options:
    """The command line as options."""
    root = Path(__file__).parents[1]
    results = root / "benchmarks" / "results" / "judge_table.json"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the packs")
    parser.add_argument("--models", type=Path, required=True, help="folder of the judges")
    parser.add_argument("--pack", action="append", help="default: celeba128-test and lfw128")
    parser.add_argument("--protector", action="append", help="default: authors-san")
    parser.add_argument("--limit", type=int, help="about this many images, whole identities")
    parser.add_argument("--seed", type=int, default=0, help="which identities")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--cache", type=Path, default=root / "runs" / "cache")
    parser.add_argument("--output", type=Path, default=results)
    a = parser.parse_args()
    return Options(
        data=a.data,
        models=a.models,
        packs=tuple(a.pack or ("celeba128-test", "lfw128")),
        protectors=tuple(a.protector or ("authors-san",)),
        limit=a.limit,
        seed=a.seed,
        threads=a.threads,
        cache=a.cache,
        output=a.output,
    )


if __name__ == "__main__":
    main()
