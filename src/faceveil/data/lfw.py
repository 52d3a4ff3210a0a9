"""Labeled Faces in the Wild (Huang 2007) in its official layout, or flat with a CSV."""

from __future__ import annotations

import os
from pathlib import Path

from faceveil.data.records import (
    PHOTOS,
    Record,
    Sex,
    complete,
    csv_rows,
    damaged,
    find,
    gender_of,
    table,
)

_IMAGES = ("lfw", "lfw-deepfunneled", "lfw_funneled", ".")
_LISTS: tuple[tuple[str, str, Sex], ...] = (
    ("male_names.txt", "men", "m"),
    ("female_names.txt", "women", "f"),
)


def read_lfw(root: Path) -> list[Record]:
    """Records of LFW.

    Args:
        root: the folder with ``lfw/NAME/NAME_0001.jpg`` (or the person folders themselves) and the
            hand-verified lists ``male_names.txt`` and ``female_names.txt`` (Afifi 2017, one photo
            name a line); or a folder of photos with, in it or beside it, a CSV of its name with
            the columns ``file`` (or ``name``), ``gender`` and, if known, ``identity``.

    Raises:
        OptionError: if a part is missing or damaged.
    """
    itself = Path(os.path.abspath(root))  # "." has no name of its own
    for labels in (itself.parent / f"{itself.name}.csv", itself / f"{itself.name}.csv"):
        if root.is_dir() and labels.is_file():
            return complete(_from_csv(root, labels), root)
    folder = find(root, _IMAGES, "folder of images")
    records: dict[tuple[str, Sex], Record] = {}  # a photo named twice counts once
    for name, whom, gender in _LISTS:
        path = find(root, (name,), f"list of {whom} (and no {itself.name}.csv)")
        for number, row in enumerate(table(path), 1):
            person = _person(row[0])
            if not person:
                raise damaged(path, number, row[0], "a photo's name such as Aaron_Eckhart_0001.jpg")
            photo = folder / person / f"{_stem(row[0])}.jpg"
            records[photo.name, gender] = Record(photo, gender, person, photo.name)
    return complete(list(records.values()), root)


def _from_csv(root: Path, labels: Path) -> list[Record]:
    rows = csv_rows(labels, ("gender",))
    column = "name" if rows and "name" in rows[0] and "file" not in rows[0] else "file"
    records = []
    for number, row in enumerate(csv_rows(labels, (column, "gender")), 2):
        gender, name = gender_of(row["gender"]), row[column].strip()
        if gender is None:
            raise damaged(labels, number, row["gender"], "m or f")
        if Path(name).suffix.lower() not in PHOTOS:
            raise damaged(labels, number, name, "a photo's name such as Aaron_Eckhart_0001.jpg")
        person = row.get("identity", "").strip() or _person(name)
        places = (root / name, root / person / name, root / "lfw" / person / name)
        path = next((p for p in places if p.is_file()), places[0])
        records.append(Record(path, gender, person, Path(name).name))
    return records


def _stem(name: str) -> str:
    """The name without ``.jpg``, which a line of the lists lacks."""
    return Path(name).stem if Path(name).suffix.lower() in PHOTOS else name


def _person(name: str) -> str:
    """``Aaron_Eckhart`` for ``Aaron_Eckhart_0001.jpg``; empty for any other form."""
    person, _, digits = _stem(Path(name).name).rpartition("_")
    return person if digits.isdigit() else ""
