"""Peers that are measured beside FaceVeil's own protectors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from faceveil.data.packs import load_packs
from faceveil.inference.device import Choice
from faceveil.inference.session import session
from faceveil.types import Float32Array, Uint8Array

SIDE = 224
TRAIN = [f"celeba128-train-{i}.parquet" for i in range(4)]
Protect = Callable[[Uint8Array, NDArray[np.uint8]], Uint8Array]


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


def authors_san(data: Path, models: Path, cache: Path, threads: int, batch: int = 16) -> Protect:
    """The SAN authors' released weights with the opposite prototype: the peer to beat."""
    faces = mean_faces(data, cache)
    net = session(models / "iprobe_san_autoencoder.onnx", None, Choice(threads=threads))

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


@cache
def _shared_authors_san() -> Protect:
    root = Path(__file__).parents[1]
    shared = root.parent / "shared"
    return authors_san(shared / "data", shared / "models", root / "runs" / "cache", 1)


def shared_authors_san(crops: Uint8Array, male: NDArray[np.uint8]) -> Uint8Array:
    """The same with the data and models beside the checkout: for ``faceveil evaluate``."""
    return _shared_authors_san()(crops, male)
