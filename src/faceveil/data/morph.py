"""MORPH Album 2 (Ricanek 2006) with the CSV that comes with it."""

from __future__ import annotations

from pathlib import Path

from faceveil.data.records import Record, complete, csv_rows, damaged
from faceveil.errors import OptionError

_RACES = {"B": "Black", "W": "White", "A": "Asian", "H": "Hispanic", "O": "Others"}


def read_morph(root: Path) -> list[Record]:
    """Records of MORPH.

    Args:
        root: the folder with the album's CSV (one file ``*.csv`` with the columns ``id_num``,
            ``race``, ``gender``, ``age`` and ``photo``), whose ``photo`` is a path within ``root``
            or its ``Album2``.

    Raises:
        OptionError: if a part is missing or damaged.
    """
    lists = sorted(root.glob("*.csv"))
    if len(lists) != 1:
        raise OptionError(f"{root}: {len(lists)} CSV files; expected the album's one list")
    labels = lists[0]
    records = []
    for number, row in enumerate(csv_rows(labels, ("id_num", "race", "gender", "age", "photo")), 2):
        gender = row["gender"].strip().upper()[:1]
        if gender not in ("M", "F"):
            raise damaged(labels, number, row["gender"], "M or F")
        name = row["photo"].strip().replace("\\", "/")
        places = (root / name, root / "Album2" / name, root / Path(name).name)
        path = next((p for p in places if p.is_file()), places[0])
        records.append(
            Record(
                path,
                "m" if gender == "M" else "f",
                f"morph-{row['id_num'].strip()}",
                Path(name).name,
                race=_RACES.get(row["race"].strip().upper()[:1], "Others"),
                age=int(row["age"]) if row["age"].strip().isdigit() else None,
            )
        )
    return complete(records, root)
