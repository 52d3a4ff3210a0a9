"""Labeled Faces in the Wild (Huang 2007) in its official layout, or flat with a CSV."""

from __future__ import annotations

from pathlib import Path

from faceveil.data.records import PHOTOS, Record, Sex, complete, csv_rows, damaged, find, table
from faceveil.errors import OptionError


def read_lfw(root: Path) -> list[Record]:
    """Records of LFW.

    Args:
        root: the folder with ``lfw/NAME/NAME_0001.jpg`` (or the person folders themselves) and the
            hand-verified lists ``male_names.txt`` and ``female_names.txt`` (one photo name a line);
            or a flat folder of photos with, in it or beside it, a CSV of its name with the columns
            ``file``, ``gender`` (m or f) and ``identity``.

    Raises:
        OptionError: if a part is missing or damaged.
    """
    for labels in (root.with_suffix(".csv"), root / f"{root.name}.csv"):
        if labels.is_file():
            return complete(_from_csv(root, labels), root)
    folder = root / "lfw" if (root / "lfw").is_dir() else root
    records = []
    lists: tuple[tuple[str, Sex], ...] = (("male_names.txt", "m"), ("female_names.txt", "f"))
    for name, gender in lists:
        path = find(root, (name,), f"list of {'men' if gender == 'm' else 'women'}")
        for number, row in enumerate(table(path), 1):
            stem = Path(row[0]).stem
            person, _, digits = stem.rpartition("_")
            if not person or not digits.isdigit():
                raise damaged(path, number, row[0], "a photo's name such as Aaron_Eckhart_0001.jpg")
            photo = folder / person / f"{stem}.jpg"
            records.append(Record(photo, gender, person, photo.name))
    return complete(records, root)


def _from_csv(root: Path, labels: Path) -> list[Record]:
    records = []
    for number, row in enumerate(csv_rows(labels, ("file", "gender")), 2):
        if row["gender"] not in ("m", "f"):
            raise damaged(labels, number, row["gender"], "m or f")
        path = root / row["file"]
        if path.suffix.lower() not in PHOTOS:
            raise OptionError(f"{labels}, line {number}: {row['file']!r} is no photo's name")
        gender: Sex = "m" if row["gender"] == "m" else "f"
        records.append(Record(path, gender, row.get("identity") or "", row["file"]))
    return records
