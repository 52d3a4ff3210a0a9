"""Plain folders of photos: ``male/`` and ``female/``."""

from __future__ import annotations

import re
from pathlib import Path

from faceveil.data.records import PHOTOS, Record, Sex, complete
from faceveil.errors import OptionError

_NAMES: dict[str, Sex] = {
    "male": "m", "m": "m", "men": "m", "man": "m",
    "female": "f", "f": "f", "women": "f", "woman": "f",
}  # fmt: skip
_PERSON = re.compile(r"(.*[^\W\d_].*)_\d+")
_NO_PERSON = frozenset({
    "crop", "dsc", "dscf", "dscn", "face", "frame", "gopr", "image", "img", "mvimg", "p", "photo",
    "pic", "picture", "pxl", "sam", "scan", "screenshot", "vid", "wa", *_NAMES,
})  # fmt: skip
"""What cameras and tools put before a number: photos that share it are not of one person."""


def read_folder(root: Path) -> list[Record]:
    """Records of two folders of photos.

    Who is shown is read from a sub-folder (``male/NAME/x.jpg``) or else from a file name of the
    form ``NAME_123.jpg``, unless NAME is one that cameras write (``IMG_123.jpg``); it stays empty
    otherwise.

    Args:
        root: the folder that holds ``male`` and ``female`` (or ``m``/``f``, ``men``/``women``, in
            any case).

    Raises:
        OptionError: if one of the two is missing or holds no photo.
    """
    if not root.is_dir():
        raise OptionError(f"{root}: no such folder; expected one that holds male and female")
    records = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        gender = _NAMES.get(folder.name.lower())
        if gender is None:
            continue
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in PHOTOS and not path.name.startswith("."):
                inner = path.relative_to(folder).parts
                identity = inner[0] if len(inner) > 1 else _person(path.stem)
                name = path.relative_to(root).as_posix()
                records.append(Record(path, gender, identity, name))
    for gender, word in (("m", "male"), ("f", "female")):
        if not any(r.gender == gender for r in records):
            raise OptionError(f"{root}: no photo in a folder {word!r}; expected male and female")
    return complete(records, root)


def _person(stem: str) -> str:
    match = _PERSON.fullmatch(stem)
    if match is None or re.split(r"[\W\d_]", match[1])[0].lower() in _NO_PERSON:
        return ""
    return match[1]
