"""The faces of an evaluation: crops from packs, photos from folders, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.data.align import most_central
from faceveil.data.lfw import read_lfw
from faceveil.errors import OptionError, missing_extra
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.decode import load_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import CROP_SIZE, canonical_from_landmarks
from faceveil.imaging.photo import as_rgb
from faceveil.judges.boxed import Views, square_crop
from faceveil.types import Face, Uint8Array


@dataclass(frozen=True, slots=True)
class SetSpec:
    """One data set: a Parquet pack (crop mode), or a folder of photos with a CSV beside it (photo).

    Attributes:
        path: of the pack or folder, relative to ``data``.
        limit: about this many images, whole identities, half of them men; all where None.
        mode: ``crop``: judges get the crop, as in the papers; ``photo``: judges find the face in
            the protected photo for themselves.
        colour: crop mode in colour; grey, as in SAN's papers, where not. Adversaries see luma.
    """

    path: str
    limit: int | None = None
    mode: str = "crop"
    colour: bool = False

    @property
    def name(self) -> str:
        """The name in tables."""
        return Path(self.path).stem + ("-colour" if self.colour else "")


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """Labelled faces, unprotected.

    Attributes:
        name: of the set.
        crops: (N, 224, 224) grey or, where asked for, (N, 224, 224, 3) RGB uint8 canonical crops.
        male: (N,) uint8 labels.
        identity: (N,) codes of who is shown.
        groups: further labels (N,) by name, such as ``race`` and ``age``.
        source: (N,) the file that each was cut from, or empty.
        photos: (N,) the photo of each and the face in it, of a set of photos; else empty.
        views: the faces as judges with a square of their own see them in photos, by margin.
    """

    name: str
    crops: Uint8Array
    male: NDArray[np.uint8]
    identity: NDArray[np.int64]
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    source: tuple[str, ...] = ()
    photos: tuple[tuple[Path, Face], ...] = ()
    views: Views = field(default_factory=dict)

    def take(self, rows: NDArray[np.int64]) -> FaceSet:
        """Some of the faces, by their (K,) rows."""
        return replace(
            self,
            crops=self.crops[rows],
            male=self.male[rows],
            identity=self.identity[rows],
            groups={name: labels[rows] for name, labels in self.groups.items()},
            source=tuple(self.source[i] for i in rows) if self.source else (),
            photos=tuple(self.photos[i] for i in rows) if self.photos else (),
            views={margin: view[rows] for margin, view in self.views.items()},
        )


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
    elif "age_group" in pack.columns:
        groups["age"] = pack.columns["age_group"][rows]
    named = pack.columns.get("source")
    source = () if named is None else tuple(str(s) for s in named[rows])
    return FaceSet(spec.name, np.stack(crops), male, identity[rows], groups, source)


def decades(age: NDArray[Any]) -> NDArray[np.str_]:
    """Age groups of the tables: (N,) years -> ``18-29``, ``30-44``, ``45-59``, ``60+``."""
    years = np.asarray(age, np.float64)
    names = np.array(["18-29", "30-44", "45-59", "60+"])
    return names[np.digitize(years, [30, 45, 60])]


def load_photos(
    data: Path, spec: SetSpec, detector: Detector, seed: int, margins: Sequence[float] = ()
) -> FaceSet:
    """A set from a folder of photos, with its CSV (``file``, ``gender``, ``identity``) beside it.

    A photo in which no face is found is left out.

    Args:
        data: folder that the set's path counts from.
        spec: which photos.
        detector: finds the faces.
        seed: decides which identities, where there is a limit.
        margins: of the squares that judges want.

    Raises:
        OptionError: if labels or photos are missing, or no photo shows a face.
    """
    records = read_lfw(data / spec.path)
    names = [r.identity or f"\0{i}" for i, r in enumerate(records)]
    identity = np.unique(names, return_inverse=True)[1].astype(np.int64)
    male = np.array([r.gender == "m" for r in records], np.uint8)
    kept, crops, photos = [], [], []
    views: dict[float, list[Uint8Array]] = {m: [] for m in margins}
    for row in choose(male, identity, spec.limit, seed):
        rgb = as_rgb(load_photo(records[row].path))
        found = detector.detect(rgb)
        if found:
            face = most_central(found, rgb.shape[:2])
            kept.append(int(row))
            photos.append((records[row].path, face))
            crops.append(crop_of(rgb, face))
            for margin, view in views.items():
                view.append(square_crop(rgb, face, margin))
    if len(set(male[kept].tolist())) < 2:
        raise OptionError(f"{spec.path}: faces found of one gender only; expected both")
    squares = {m: np.stack(view) for m, view in views.items()}
    return FaceSet(
        spec.name, np.stack(crops), male[kept], identity[kept], photos=tuple(photos), views=squares
    )


def crop_of(rgb: Uint8Array, face: Face) -> Uint8Array:
    """The canonical crop of a face: (224, 224, 3)."""
    points: NDArray[np.float64] = np.asarray(face.landmarks, np.float64)
    return extract_crop(rgb, canonical_from_landmarks(points), CROP_SIZE)
