"""MORPH Album 2 (Ricanek 2006) with the CSV that comes with it."""

from __future__ import annotations

from pathlib import Path

from faceveil.data.records import Record, complete, csv_rows, damaged, gender_of
from faceveil.errors import OptionError

_OFFICIAL = "morph_2008_nonCommercial.csv"
_COLUMNS = ("id_num", "race", "gender", "age", "photo")
_RACES = {"B": "Black", "W": "White", "A": "Asian", "H": "Hispanic", "O": "Others"}


def read_morph(root: Path) -> list[Record]:
    """Records of MORPH.

    Args:
        root: the folder with the album's CSV (``morph_2008_nonCommercial.csv``, or the only
            ``*.csv``) with the columns ``id_num``, ``race``, ``gender``, ``age`` and ``photo``, the
            last a path within ``root`` or its ``Album2``.

    Raises:
        OptionError: if a part is missing or damaged.
    """
    if not root.is_dir():
        raise OptionError(f"{root}: no such folder; expected the data set's own folder")
    found = sorted(root.glob("*.csv"))
    lists = [p for p in found if p.name == _OFFICIAL] or found
    if len(lists) != 1:
        raise OptionError(f"{root}: {len(lists)} CSV files; expected {_OFFICIAL}, or just one CSV")
    labels = lists[0]
    records = []
    for number, row in enumerate(csv_rows(labels, _COLUMNS), 2):
        gender, name = gender_of(row["gender"]), row["photo"].strip().replace("\\", "/")
        if gender is None:
            raise damaged(labels, number, row["gender"], "M or F")
        if not name:
            raise damaged(labels, number, name, "a photo's path")
        places = (root / name, root / "Album2" / name, root / Path(name).name)
        path = next((p for p in places if p.is_file()), places[0])
        records.append(
            Record(
                path,
                gender,
                f"morph-{row['id_num'].strip()}",
                Path(name).name,
                race=_RACES.get(row["race"].strip().upper()[:1], "Others"),
                age=int(row["age"]) if row["age"].strip().isdigit() else None,
            )
        )
    return complete(records, root)
