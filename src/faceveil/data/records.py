"""What a raw data set says about one photo, and how its label files are read."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faceveil.errors import OptionError

Split = Literal["train", "val", "test", ""]
Sex = Literal["m", "f"]
PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class Record:
    """One labelled photo of a raw data set.

    Attributes:
        path: the file.
        gender: the data set's own binary label.
        identity: who is shown; empty where the set does not say.
        source: the photo's name within the set.
        race: the set's own label, or empty.
        age: years, or None.
        split: the set's official part, or empty where it has none.
        landmarks: left eye, right eye, nose, left and right mouth corner in pixels, or None.
    """

    path: Path
    gender: Sex
    identity: str
    source: str
    race: str = ""
    age: int | None = None
    split: Split = ""
    landmarks: tuple[tuple[float, float], ...] | None = None


def find(root: Path, names: tuple[str, ...], what: str) -> Path:
    """The first of several places where a part of a data set may lie.

    Raises:
        OptionError: if none of them is there.
    """
    if not root.is_dir():
        raise OptionError(f"{root}: no such folder; expected the data set's own folder")
    for name in names:
        if (root / name).exists():
            return root / name
    raise OptionError(
        f"{root}: no {what}; expected {' or '.join(names)}; complete the download, or point to "
        "the folder that holds them"
    )


def table(path: Path, *, skip: int = 0) -> list[list[str]]:
    """Rows of a text file whose columns are separated by spaces.

    Raises:
        OptionError: if it cannot be read as text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[skip:]
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: cannot be read ({error}); expected a text file") from error
    return [line.split() for line in lines if line.strip()]


def csv_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file with a header.

    Raises:
        OptionError: if it cannot be read, or lacks one of the columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")  # short rows: empty, not None
            missing = [c for c in columns if c not in (reader.fieldnames or ())]
            if missing:
                raise OptionError(
                    f"{path}: no column {missing[0]!r}; expected {', '.join(columns)}"
                )
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"{path}: cannot be read ({error}); expected a CSV file") from error


def gender_of(text: str) -> Sex | None:
    """``m`` or ``f`` for any usual way to write it, None for anything else."""
    word = text.strip().lower()
    if word in ("m", "male"):
        return "m"
    return "f" if word in ("f", "female") else None


def damaged(path: Path, line: int, got: object, expected: str) -> OptionError:
    """The error for a label file with a bad line."""
    return OptionError(f"{path}, line {line}: got {got!r}; expected {expected}; fetch it again")


def complete(records: list[Record], root: Path) -> list[Record]:
    """The records, once it is sure that there are some and that their photos are there.

    Raises:
        OptionError: if there are none, or a photo is missing.
    """
    if not records:
        raise OptionError(f"{root}: no labelled photo found; check the folder's layout")
    gone = [r for r in records if not r.path.is_file()]
    if gone:
        raise OptionError(
            f"{gone[0].path}: no such file, and {len(gone) - 1} more of {len(records)} that the "
            "labels name are missing; complete the download, or take their lines out of the labels"
        )
    return records
