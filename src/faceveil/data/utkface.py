"""UTKFace (Zhang 2017): labels are in the file names."""

from __future__ import annotations

import re
from pathlib import Path

from faceveil.data.records import Record, complete, find

RACES = ("White", "Black", "Asian", "Indian", "Others")
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d+)")


def read_utkface(root: Path, *, minimum_age: int = 18) -> list[Record]:
    """Records of UTKFace: ``[age]_[gender]_[race]_[date].jpg``, gender 0 male and 1 female.

    The few files whose names lack a field are left out, as every user of the set does.

    Args:
        root: the folder of images, or one that holds ``UTKFace``.
        minimum_age: younger people are left out; gender labels of children are unreliable.

    Raises:
        OptionError: if there is no such image.
    """
    folder = find(root, ("UTKFace", "utkface_aligned_cropped/UTKFace", "."), "folder of images")
    records = []
    for path in sorted(folder.glob("*.jpg")):
        match = _NAME.match(path.name)
        if match is None or int(match[1]) < minimum_age:
            continue
        records.append(
            Record(
                path,
                "m" if match[2] == "0" else "f",
                "",
                path.name,
                race=RACES[int(match[3])],
                age=int(match[1]),
            )
        )
    return complete(records, root)
