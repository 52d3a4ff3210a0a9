"""MUCT (Milborrow 2010) in its official layout."""

from __future__ import annotations

import re
from pathlib import Path

from faceveil.data.records import Record, complete, csv_rows, damaged, find

_NAME = re.compile(r"i(\d{3})[a-z]{2}-(f|m)(g|n)$")
"""Subject number, lighting set and camera, then gender and glasses: ``i000qa-fn``."""


def read_muct(root: Path) -> list[Record]:
    """Records of MUCT; every photo of a subject has that subject's number as identity.

    Args:
        root: the folder with ``jpg/i000qa-fn.jpg`` and, in it or in ``muct-landmarks``,
            ``muct76-opencv.csv``, whose rows begin with the photo's name.

    Raises:
        OptionError: if a part is missing or damaged.
    """
    images = find(root, ("jpg", "muct-jpg", "images"), "folder of images")
    names = ("muct76-opencv.csv", "muct-landmarks/muct76-opencv.csv")
    labels = find(root, names, "list of landmarks")
    records = []
    for number, row in enumerate(csv_rows(labels, ("name",)), 2):
        name = row["name"]
        if name.startswith("ir"):  # mirrored copies of the photos, in the landmark list only
            continue
        match = _NAME.fullmatch(name)
        if match is None:
            raise damaged(labels, number, name, "a photo's name such as i000qa-fn")
        path = images / f"{name}.jpg"
        records.append(Record(path, "m" if match[2] == "m" else "f", f"muct-{match[1]}", path.name))
    return complete(records, root)
