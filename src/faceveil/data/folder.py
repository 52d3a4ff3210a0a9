"""Plain folders of photos: ``male/`` and ``female/``."""

from __future__ import annotations

from pathlib import Path

from faceveil.data.records import PHOTOS, Record, Sex, complete
from faceveil.errors import OptionError

_NAMES: dict[str, Sex] = {
    "male": "m", "m": "m", "men": "m", "man": "m",
    "female": "f", "f": "f", "women": "f", "woman": "f",
}  # fmt: skip


def read_folder(root: Path) -> list[Record]:
    """Records of two folders of photos; sub-folders of each are taken as people.

    Args:
        root: the folder that holds ``male`` and ``female`` (or ``m``/``f``, ``men``/``women``, in
            any case). Photos in ``male/NAME/`` share the identity ``NAME``; photos directly in
            ``male/`` have none.

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
                identity = inner[0] if len(inner) > 1 else ""
                name = path.relative_to(root).as_posix()
                records.append(Record(path, gender, identity, name))
    for gender, word in (("m", "male"), ("f", "female")):
        if not any(r.gender == gender for r in records):
            raise OptionError(f"{root}: no photo in a folder {word!r}; expected male and female")
    return complete(records, root)
