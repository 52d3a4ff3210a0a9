"""Reading the folders of the Keras re-implementation; :mod:`.keras_layout` says what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceveil.data.keras_layout import KINDS
from faceveil.data.records import PHOTOS, Record, Sex, Split, complete
from faceveil.errors import OptionError
from faceveil.types import Float32Array, Uint8Array

SIDES: dict[str, Sex] = {"female": "f", "male": "m"}
_PARTS: dict[str, Split] = {"train": "train", "validation": "val", "valid": "val", "test": "test"}


@dataclass(frozen=True, slots=True, eq=False)
class KerasFaces:
    """Faces of either layout and their outputs.

    Attributes:
        names: (K,) names without suffix, women first.
        male: (K,) labels.
        first: (K, H, W) grey originals that the outputs were made of.
        second: (K, H, W) other originals of the same people; None for CelebA's.
        outputs: ``SM``, ``NT`` and ``OP``, (K, H, W) each.
    """

    names: list[str]
    male: Float32Array
    first: Uint8Array
    second: Uint8Array | None
    outputs: dict[str, Uint8Array]


def read_keras(root: Path) -> list[Record]:
    """Records of the originals of either layout.

    Args:
        root: the folder with ``train``, ``validation`` (or ``valid``) and ``test``, whose parts are
            kept, or the one with ``female/OR_1`` and so on, whose people are.

    Raises:
        OptionError: if it is neither.
    """
    records: list[Record] = []
    for part, split in _PARTS.items():
        for side, gender in SIDES.items():
            for path in _photos(root / part / side):
                name = path.relative_to(root).as_posix()
                records.append(Record(path, gender, "", name, split=split))
    for side, gender in SIDES.items():
        for kind in ("OR_1", "OR_2"):
            for path in _photos(root / side / kind):
                name = path.relative_to(root).as_posix()
                records.append(Record(path, gender, path.stem, name))
    if not records:
        raise OptionError(
            f"{root}: no photo in train/female, female/OR_1 or their like; expected the folders of "
            "the Keras project"
        )
    return complete(records, root)


def read_keras_outputs(folder: Path) -> KerasFaces:
    """Originals and outputs of either layout, as the Keras project or FaceVeil has written them.

    Args:
        folder: the one with ``generated`` and ``test``, or with ``female/SM`` and so on.

    Raises:
        OptionError: if a folder or a file of the five (or four) is missing, or one is no picture.
    """
    celeba = (folder / "generated").is_dir()
    names: list[str] = []
    male: list[float] = []
    pictures: dict[str, list[Uint8Array]] = {}
    for side in SIDES:
        top = folder / "generated" / side if celeba else folder / side
        places = {kind: top / kind for kind in KINDS}
        places["OR_1"] = folder / "test" / side if celeba else top / "OR_1"
        if not celeba:
            places["OR_2"] = top / "OR_2"
        files = {kind: {p.stem: p for p in _photos(place)} for kind, place in places.items()}
        known = sorted(files["SM"])
        for kind, found in files.items():
            lost = next((n for n in known if n not in found), None)
            if lost is not None or (kind in KINDS and len(found) != len(known)):
                raise OptionError(
                    f"{places[kind]}: {lost or 'one picture more than in SM'}: expected the names "
                    f"of {places['SM']}"
                )
            pictures.setdefault(kind, []).extend(_grey(found[n]) for n in known)
        names += known
        male += [float(side == "male")] * len(known)
    if not names:
        raise OptionError(f"{folder}: no output in female/SM or generated/female/SM")
    stacked = {kind: np.stack(found) for kind, found in pictures.items()}
    return KerasFaces(
        names,
        np.array(male, np.float32),
        stacked["OR_1"],
        stacked.get("OR_2"),
        {kind: stacked[kind] for kind in KINDS},
    )


def _photos(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTOS)


def _grey(path: Path) -> Uint8Array:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise OptionError(f"{path}: cannot be read; expected a picture")
    return np.asarray(picture, np.uint8)
