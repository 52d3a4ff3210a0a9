"""The faces of an evaluation: crops from packs, photos from folders, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.config import SetSpec
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.types import Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """Labelled faces.

    Attributes:
        name: of the set.
        crops: (N, 224, 224) grey or, where asked for, (N, 224, 224, 3) RGB uint8 canonical crops.
        male: (N,) uint8 labels.
        identity: (N,) codes of who is shown.
        groups: further labels (N,) by name, such as ``race`` and ``age``.
        source: (N,) the file that each was cut from, or empty.
    """

    name: str
    crops: Uint8Array
    male: NDArray[np.uint8]
    identity: NDArray[np.int64]
    groups: Mapping[str, NDArray[Any]]
    source: tuple[str, ...] = ()


def choose(
    male: NDArray[Any], identity: NDArray[np.int64], limit: int | None, seed: int
) -> NDArray[np.int64]:
    """Rows of about ``limit`` faces: whole identities, half of the faces men's; all for None.

    People with two images or more come first, since matchers need pairs.
    """
    if limit is None or limit >= len(male):
        return np.arange(len(male))
    people, sizes = np.unique(identity, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(people))
    order = np.concatenate([order[sizes[order] > 1], order[sizes[order] == 1]])
    rows: list[NDArray[np.int64]] = []
    counts = {0: 0, 1: 0}
    for person in people[order]:
        mine = np.flatnonzero(identity == person)
        side = int(male[mine[0]])
        if counts[side] < limit / 2:
            rows.append(mine)
            counts[side] += len(mine)
    return np.sort(np.concatenate(rows))


def load_pack(data: Path, spec: SetSpec, seed: int) -> FaceSet:
    """A set from a Parquet pack: grey or in colour, brought to 224 px.

    Raises:
        OptionError: if the pack is missing or damaged, or lacks a gender.
    """
    try:
        from faceveil.data.packs import load_packs
    except ImportError as error:
        raise OptionError(str(missing_extra("evaluate", error, "report"))) from error
    pack = load_packs([data / spec.path], grey=not spec.colour)
    # Where nobody is named, each face is a person of its own.
    identity = pack.identity if len(pack.identity) else np.arange(len(pack), dtype=np.int64)
    rows = choose(pack.male, identity, spec.limit, seed)
    male = pack.male[rows].astype(np.uint8)
    if len(set(male.tolist())) < 2:
        raise OptionError(f"{spec.path}: faces of one gender only; expected both")
    size = (CROP_SIZE, CROP_SIZE)
    crops = [cv2.resize(x, size, interpolation=cv2.INTER_CUBIC) for x in pack.images[rows]]
    groups = {k: v[rows] for k, v in pack.columns.items() if k in ("race", "age")}
    if "age" in groups:
        groups["age"] = decades(groups["age"])
    named = pack.columns.get("source")
    source = () if named is None else tuple(str(s) for s in named[rows])
    return FaceSet(spec.name, np.stack(crops), male, identity[rows], groups, source)


def decades(age: NDArray[Any]) -> NDArray[np.str_]:
    """Age groups of the tables: (N,) years -> ``18-29``, ``30-44``, ``45-59``, ``60+``."""
    years = np.asarray(age, np.float64)
    names = np.array(["18-29", "30-44", "45-59", "60+"])
    return names[np.digitize(years, [30, 45, 60])]
