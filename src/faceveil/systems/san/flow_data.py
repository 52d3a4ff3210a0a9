"""FlowSAN's training data: the training set transformed by SAN_1 ... SAN_{i-1}, cached on disk.

"Once SAN_1 is trained, the entire training dataset is transformed by SAN_1, and the transformed
data is then used for training the next SAN model" (FlowSAN section 3.2). Each stage's output is one
file beside that stage's checkpoint; a stopped transformation goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from faceveil.data.packs import take
from faceveil.types import Float32Array, Uint8Array

CHUNK = 64
SAVE_EVERY = 32  # chunks

Transform = Callable[[Float32Array, Float32Array, slice], Float32Array]
"""(N, 1, S, S) faces in [0, 1], (N,) labels and which rows of the set these are ->
(N, 1, S, S) opposite-gender outputs."""


def transformed(
    images: Uint8Array,
    male: Float32Array,
    transform: Transform,
    checkpoint: Path,
    side: int,
    *,
    quiet: bool = False,
) -> Uint8Array:
    """The outputs of one stage for a whole training set.

    Args:
        images: (N, S, S) grey uint8 inputs of the stage.
        male: (N,) labels.
        transform: the stage.
        checkpoint: its weights; the cache lies beside them and is valid for these weights and
            these images only.
        side: of the stage's frame in pixels.
        quiet: no progress bar.

    Returns:
        (N, side, side) grey uint8, read-only, mapped from the file.
    """
    key = hashlib.sha256(checkpoint.read_bytes())
    for start in range(0, len(images), CHUNK):
        key.update(take(images, slice(start, start + CHUNK)).tobytes())
    digest = key.hexdigest()
    path = checkpoint.with_name("outputs.npy")
    state = checkpoint.with_name("outputs.json")
    done = _done(state, digest) if path.is_file() else 0
    mode = "r+" if done else "w+"
    shape = None if done else (len(images), side, side)
    out = np.lib.format.open_memmap(path, mode=mode, dtype=np.uint8, shape=shape)
    starts = range(done, len(images), CHUNK)
    for start in tqdm(starts, desc=f"outputs of {checkpoint.parent.name}", disable=quiet or None):
        rows = slice(start, min(start + CHUNK, len(images)))
        faces = resized(take(images, rows), side)
        result = transform(faces[:, None], male[rows], rows)[:, 0]
        out[rows] = np.clip(np.rint(result * 255), 0, 255).astype(np.uint8)
        if start // CHUNK % SAVE_EVERY == SAVE_EVERY - 1:
            out.flush()
            _write(state, digest, rows.stop)
    out.flush()
    del out
    _write(state, digest, len(images))
    mapped: Uint8Array = np.load(path, mmap_mode="r")
    return mapped


def resized(images: Uint8Array, side: int) -> Float32Array:
    """Grey faces in [0, 1] at another size: (N, S, S) uint8 -> (N, side, side)."""
    faces = images / np.float32(255)
    if images.shape[-1] == side:
        return np.asarray(faces, np.float32)
    method = cv2.INTER_AREA if images.shape[-1] > side else cv2.INTER_LINEAR
    return np.stack([cv2.resize(f, (side, side), interpolation=method) for f in faces])


def opposite_outputs(
    model: torch.nn.Module, device: str, warps: Float32Array | None = None
) -> Transform:
    """A trained stage as a transform: its opposite-gender output.

    Args:
        model: the stage.
        device: ``cpu`` or ``cuda``.
        warps: (N, 2, 3) of the prototypes for all faces; None leaves them unwarped.
    """

    def transform(faces: Float32Array, male: Float32Array, rows: slice) -> Float32Array:
        y = torch.from_numpy(male).to(device)
        if warps is None:
            theta = torch.eye(2, 3, device=device).repeat(len(faces), 1, 1)
        else:
            theta = torch.from_numpy(warps[rows]).to(device)
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            out = model(torch.from_numpy(faces).to(device), y, 1 - y, theta)
        return np.asarray(out.float().cpu().numpy(), np.float32)

    return transform


def _done(state: Path, digest: str) -> int:
    try:
        saved = json.loads(state.read_text())
        return int(saved["rows"]) if saved["sha256"] == digest else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _write(state: Path, digest: str, rows: int) -> None:
    temporary = state.with_name(f".{state.name}.tmp")
    temporary.write_text(json.dumps({"sha256": digest, "rows": rows}))
    os.replace(temporary, state)
