"""UTKFace (Zhang 2017): labels are in the file names."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from faceveil.data.records import PHOTOS, Record, Sex, complete, find

RACES = ("White", "Black", "Asian", "Indian", "Others")
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d+)")
_log = logging.getLogger(__name__)


def read_utkface(root: Path, *, minimum_age: int = 18) -> list[Record]:
    """Records of UTKFace: ``[age]_[gender]_[race]_[date].jpg``, gender 0 male and 1 female.

    The three files whose names lack a field are left out, as every user of the set does; how many
    photos were left out, and why, is logged.

    Args:
        root: the folder of images, or one that holds ``UTKFace``.
        minimum_age: younger people are left out; gender labels of children are unreliable.

    Raises:
        OptionError: if there is no such image.
    """
    folder = find(root, ("UTKFace", "utkface_aligned_cropped/UTKFace", "."), "folder of images")
    records, malformed, young = [], 0, 0
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTOS):
        match = _NAME.match(path.name)
        if match is None:
            malformed += 1
        elif int(match[1]) < minimum_age:
            young += 1
        else:
            gender: Sex = "m" if match[2] == "0" else "f"
            race = RACES[int(match[3])]
            records.append(Record(path, gender, "", path.name, race=race, age=int(match[1])))
    if malformed or young:
        _log.warning(
            "utkface: left out %d photos whose names lack a label and %d of people under %d",
            malformed,
            young,
            minimum_age,
        )
    return complete(records, root)
