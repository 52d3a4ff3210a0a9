"""Photo mode: the protected face is pasted back, and whoever judges finds it for themselves.

What an attacker has is a photo, not a crop: detection, alignment and colour are part of the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceveil.data.align import most_central
from faceveil.data.lfw import read_lfw
from faceveil.errors import OptionError
from faceveil.evaluation.config import SetSpec
from faceveil.evaluation.faces import FaceSet, choose
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.decode import load_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import CROP_SIZE, canonical_from_landmarks
from faceveil.imaging.photo import as_rgb
from faceveil.judges.boxed import Views, square_crop
from faceveil.protect.protector import Protector
from faceveil.types import Face, Target, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class PhotoSet:
    """Labelled photos with the face that each is about.

    Attributes:
        faces: crops (N, 224, 224, 3) of the unprotected photos, labels, identities.
        paths: (N,) the photos.
        found: (N,) the face in each.
        without: how many photos showed no face and were left out.
        views: the unprotected faces as judges with a square of their own see them, by margin.
    """

    faces: FaceSet
    paths: tuple[Path, ...]
    found: tuple[Face, ...]
    without: int
    views: Views = field(default_factory=dict)

    def take(self, rows: NDArray[np.int64]) -> PhotoSet:
        """Some of the photos, by their (K,) rows."""
        f = self.faces
        groups = {name: labels[rows] for name, labels in f.groups.items()}
        source = tuple(f.source[i] for i in rows) if f.source else ()
        faces = FaceSet(f.name, f.crops[rows], f.male[rows], f.identity[rows], groups, source)
        paths, found = (tuple(x[i] for i in rows) for x in (self.paths, self.found))
        views = {margin: view[rows] for margin, view in self.views.items()}
        return PhotoSet(faces, paths, found, self.without, views)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What judges see of protected photos.

    Attributes:
        crops: (N, 224, 224, 3) uint8 canonical crops.
        views: as of :class:`PhotoSet`.
        lost: in how many photos no face was found any more; there the crop is taken where it was.
    """

    crops: Uint8Array
    views: Views
    lost: int


def load_photos(
    data: Path, spec: SetSpec, detector: Detector, seed: int, margins: Sequence[float] = ()
) -> PhotoSet:
    """A set from a folder of photos, with its CSV (``file``, ``gender``, ``identity``) beside it.

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
    rows = choose(male, identity, spec.limit, seed)
    kept, crops, faces = [], [], []
    views: dict[float, list[Uint8Array]] = {m: [] for m in margins}
    for row in rows:
        rgb = as_rgb(load_photo(records[row].path))
        found = detector.detect(rgb)
        if found:
            face = most_central(found, rgb.shape[:2])
            kept.append(int(row))
            faces.append(face)
            crops.append(crop_of(rgb, face))
            for margin, view in views.items():
                view.append(square_crop(rgb, face, margin))
    if len(set(male[kept].tolist())) < 2:
        raise OptionError(f"{spec.path}: faces found of one gender only; expected both")
    chosen = FaceSet(spec.name, np.stack(crops), male[kept], identity[kept], {})
    paths = tuple(records[row].path for row in kept)
    squares = {m: np.stack(view) for m, view in views.items()}
    return PhotoSet(chosen, paths, tuple(faces), len(rows) - len(kept), squares)


def protected_crops(
    photos: PhotoSet,
    protector: Protector,
    detector: Detector,
    target: Target | None,
    strength: float,
    seed: int = 0,
) -> Seen:
    """What judges crop out of the protected photos.

    Args:
        photos: the photos.
        protector: protects the one face that each is about, its gender as labelled.
        detector: the judge's own; it sees the protected photo only.
        target: what faces should read as; None for what the method does on its own.
        strength: in [0, 1].
        seed: of whatever the protector draws.

    Returns:
        Crops, and squares of the margins that the photos have.
    """
    crops = []
    views: dict[float, list[Uint8Array]] = {m: [] for m in photos.views}
    lost = 0
    for path, face, male in zip(photos.paths, photos.found, photos.faces.male, strict=True):
        done = protector.protect_photo(
            path,
            faces=[face],
            gender="male" if male else "female",
            target=target,
            strength=strength,
            seed=seed,
        )
        found = detector.detect(done.image)
        lost += not found
        seen = nearest(found, face) if found else face
        crops.append(crop_of(done.image, seen))
        for margin, view in views.items():
            view.append(square_crop(done.image, seen, margin))
    return Seen(np.stack(crops), {m: np.stack(view) for m, view in views.items()}, lost)


def nearest(faces: tuple[Face, ...], face: Face) -> Face:
    """Of the faces found, the one at the place of a known one."""
    centre = np.asarray(face.landmarks).mean(axis=0)
    return min(faces, key=lambda f: float(np.hypot(*(np.asarray(f.landmarks).mean(0) - centre))))


def crop_of(rgb: Uint8Array, face: Face) -> Uint8Array:
    """The canonical crop of a face: (224, 224, 3)."""
    points: NDArray[np.float64] = np.asarray(face.landmarks, np.float64)
    return extract_crop(rgb, canonical_from_landmarks(points), CROP_SIZE)
