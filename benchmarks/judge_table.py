"""Judges before and after protection, on the packs: the table that README and notes quote.

``python benchmarks/judge_table.py --data ../shared/data --models ../shared/models --limit 600
--protector authors-san --protector san``

Crops are grey (BT.601 luma) and upsampled from the pack's 128 px to the canonical 224 px. The
original probe meets the protected gallery, never the same picture. Needs the extra ``train`` or
``dev`` (Parquet).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tqdm import tqdm

from faceveil.data.packs import Pack, load_packs
from faceveil.evaluation.measurement import Measurement
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.evaluation.protocol import compare, read
from faceveil.evaluation.table import render_table
from faceveil.judges.registry import shared_judges
from faceveil.runtime.session import session
from faceveil.types import Float32Array, Uint8Array

SIDE = 224
TRAIN = [f"celeba128-train-{i}.parquet" for i in range(4)]
Protect = Callable[[Uint8Array, NDArray[np.uint8]], Uint8Array]


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


def mean_faces(data: Path, cache: Path) -> Float32Array:
    """Mean female and mean male face of the training packs: (2, 3, 224, 224) RGB in [0, 1]."""
    files = [data / name for name in TRAIN]
    key = hashlib.sha256("".join(f"{f.name}{f.stat().st_size}" for f in files).encode())
    path = cache / f"mean-faces-{key.hexdigest()[:12]}.npy"
    if not path.is_file():
        total, count = np.zeros((2, 128, 128, 3)), np.zeros(2)
        for file in tqdm(files, desc="mean faces"):
            pack = load_packs([file])
            for male in (0, 1):
                chosen = pack.images[pack.male == male]
                total[male] += chosen.sum(axis=0, dtype=np.int64)
                count[male] += len(chosen)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, (total / count[:, None, None, None] / 255).astype(np.float32))
    small: Float32Array = np.load(path)
    size = (SIDE, SIDE)
    big = [cv2.resize(face, size, interpolation=cv2.INTER_CUBIC) for face in small]
    return np.stack(big).transpose(0, 3, 1, 2).clip(0, 1).astype(np.float32)


def authors_san(options: Options, batch: int = 16) -> Protect:
    """The SAN authors' released weights with the opposite prototype: the peer to beat."""
    faces = mean_faces(options.data, options.cache)
    net = session(options.models / "iprobe_san_autoencoder.onnx", None, options.threads)

    def protect(crops: Uint8Array, male: NDArray[np.uint8]) -> Uint8Array:
        out: list[Float32Array] = []
        for i in tqdm(range(0, len(crops), batch), desc="authors-san"):
            image = crops[i : i + batch, None].astype(np.float32) / 255
            own = male[i : i + batch]
            feed = {"image": image, "proto_same": faces[own], "proto_oppo": faces[1 - own]}
            out.append(net.run(["rec_oppo"], feed)[0][:, 0])
        grey = np.concatenate(out)
        return np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8)

    return protect


def protector(name: str, options: Options) -> Protect:
    """A protector by name: ``authors-san`` or one of ``faceveil.list_protectors()``."""
    if name == "authors-san":
        return authors_san(options)
    from faceveil import load_protector

    ours = load_protector(name, threads=options.threads)
    return lambda crops, male: ours.protect_crops(crops, male, target="opposite")


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
