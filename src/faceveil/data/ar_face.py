"""The AR face database (Martinez 1998): labels are in the file names."""

from __future__ import annotations

import re
from pathlib import Path

from faceveil.data.records import PHOTOS, Record, Sex, complete, find
from faceveil.errors import OptionError

_NAME = re.compile(r"([mw])-?(\d{1,3})-(\d{1,2})", re.IGNORECASE)


def read_ar(root: Path) -> list[Record]:
    """Records of AR-face: ``M-001-01.bmp``, man or woman, the person's number, the photo's number.

    Of a person's 26 photos, 8 to 13 and 21 to 26 show dark glasses or a scarf; ``source`` keeps the
    name, so that SAN's matching, which leaves these out, can be repeated. The database comes as raw
    768 x 576 files (``.raw``); they are to be converted first, to any format that photos have.

    Args:
        root: the folder of photos, or one that holds ``images``; sub-folders are searched.

    Raises:
        OptionError: if there is no such photo.
    """
    folder = find(root, ("images", "."), "folder of images")
    files = sorted(folder.rglob("*"))
    records = []
    for path in (p for p in files if p.suffix.lower() in PHOTOS):
        match = _NAME.fullmatch(path.stem)
        if match is not None:
            side = match[1].lower()
            person = f"ar-{side}-{int(match[2]):03d}"
            gender: Sex = "m" if side == "m" else "f"
            records.append(Record(path, gender, person, path.name))
    if not records and any(p.suffix.lower() == ".raw" for p in files):
        raise OptionError(
            f"{root}: only .raw files; expected photos; convert them first, for example with "
            "'magick -size 768x576 -depth 8 -interlace plane rgb:M-001-01.raw M-001-01.png'"
        )
    return complete(records, root)
