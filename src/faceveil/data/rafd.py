"""RaFD (Langner 2010): labels are in the file names."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from faceveil.data.records import PHOTOS, Record, Sex, complete, find

_NAME = re.compile(
    r"Rafd(\d{3})_(\d{2})_(Caucasian|Moroccan|Kid)_(female|male)_([a-z]+)_(left|frontal|right)",
    re.IGNORECASE,
)
_FRONTAL = "090"
_RACES = {"caucasian": "White", "moroccan": "Others"}
_log = logging.getLogger(__name__)


def read_rafd(root: Path) -> list[Record]:
    """Records of RaFD: ``Rafd090_01_Caucasian_female_angry_frontal.jpg``.

    Only the frontal camera (090) is taken, with all gazes and expressions: 1,008 photos of men and
    600 of women and children included, which is what FlowSAN's Table 2 lists. Turned heads, and
    files of another name, are left out; how many is logged.

    Args:
        root: the folder of photos, or one that holds ``RafD45`` or ``images``.

    Raises:
        OptionError: if there is no such photo.
    """
    folder = find(root, ("images", "RafD45", "RaFD", "."), "folder of images")
    records, turned, malformed = [], 0, 0
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTOS):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            malformed += 1
        elif match[1] != _FRONTAL:
            turned += 1
        else:
            race = _RACES.get(match[3].lower(), "")
            gender: Sex = "m" if match[4].lower() == "male" else "f"
            records.append(Record(path, gender, f"rafd-{match[2]}", path.name, race=race))
    if turned or malformed:
        _log.warning(
            "rafd: left out %d photos of turned heads and %d whose names lack a label",
            turned,
            malformed,
        )
    return complete(records, root)
