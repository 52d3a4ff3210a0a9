"""Parquet packs of aligned faces: WebP bytes, gender, and what else is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.types import Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Aligned faces in memory.

    Attributes:
        images: (N, S, S, 3) RGB or (N, S, S) grey uint8, in the canonical frame at S pixels.
        male: (N,) float32, 1 male, 0 female.
        identity: (N,) int64 codes, or an empty array where the pack names no identities.
        columns: what else every pack knows, by name: ``race``, ``age``, ``age_group``, ``source``,
            each (N,).
    """

    images: Uint8Array
    male: NDArray[np.float32]
    identity: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)


def load_packs(paths: Sequence[Path], *, grey: bool = False) -> Pack:
    """Read packs into memory.

    Args:
        paths: Parquet files with the columns ``image`` and ``gender`` (``m`` or ``f``).
        grey: keep luma only (BT.601), a third of the memory.

    Raises:
        OptionError: if a file is missing, has no such columns, or holds an image that cannot be
            decoded.
    """
    images: list[Uint8Array] = []
    male: list[NDArray[np.float32]] = []
    names: list[str] = []
    others: dict[str, list[Any]] = {"race": [], "age": [], "age_group": [], "source": []}
    for path in paths:
        if not path.is_file():
            raise OptionError(f"{path}: no such file; expected a Parquet pack; check --data")
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise OptionError(
                f"{path}: damaged, or no Parquet file ({reason}); expected a pack; make it again"
            ) from error
        missing = {"image", "gender"} - set(table.schema.names)
        if missing:
            raise OptionError(f"{path}: no column {sorted(missing)}; expected image and gender")
        with ThreadPoolExecutor() as pool:
            blobs = table["image"].to_pylist()
            decoded = list(pool.map(lambda b: _decode(b, grey), blobs))
        bad = next((i for i, image in enumerate(decoded) if image is None), None)
        if bad is not None:
            raise OptionError(f"{path}: image {bad} cannot be decoded; the pack is damaged")
        images.append(np.stack([image for image in decoded if image is not None]))
        male.append(np.array([g == "m" for g in table["gender"].to_pylist()], np.float32))
        if "identity" in table.schema.names:
            names += table["identity"].to_pylist()
        for name in others.keys() & set(table.schema.names):
            others[name] += table[name].to_pylist()
    identity = np.unique(names, return_inverse=True)[1].astype(np.int64)
    total = sum(len(i) for i in images)
    if len(identity) != total:
        identity = np.empty(0, np.int64)
    columns = {k: np.array(v) for k, v in others.items() if len(v) == total}
    return Pack(np.concatenate(images), np.concatenate(male), identity, columns)


def sha256_of(paths: Sequence[Path]) -> dict[str, str]:
    """The SHA-256 of each file, by name: what a recipe records about its data."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def _decode(blob: bytes, grey: bool) -> Uint8Array | None:
    if not blob:
        return None
    image = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return None
    code = cv2.COLOR_BGR2GRAY if grey else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)
