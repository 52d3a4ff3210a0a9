"""Readers of raw data sets by name. A new data set is one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faceveil.data.celeba import read_celeba
from faceveil.data.folder import read_folder
from faceveil.data.lfw import read_lfw
from faceveil.data.morph import read_morph
from faceveil.data.muct import read_muct
from faceveil.data.records import Record
from faceveil.data.utkface import read_utkface

READERS: dict[str, Callable[[Path], list[Record]]] = {
    "celeba": read_celeba,
    "folder": read_folder,
    "lfw": read_lfw,
    "morph": read_morph,
    "muct": read_muct,
    "utkface": read_utkface,
}
