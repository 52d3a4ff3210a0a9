"""Readers of raw data sets by name. A new data set is one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faceveil.data.ar_face import read_ar
from faceveil.data.celeba import read_celeba
from faceveil.data.folder import read_folder
from faceveil.data.keras_reader import read_keras
from faceveil.data.lfw import read_lfw
from faceveil.data.morph import read_morph
from faceveil.data.muct import read_muct
from faceveil.data.rafd import read_rafd
from faceveil.data.records import Record
from faceveil.data.utkface import read_utkface

READERS: dict[str, Callable[[Path], list[Record]]] = {
    "ar": read_ar,
    "celeba": read_celeba,
    "folder": read_folder,
    "keras": read_keras,
    "lfw": read_lfw,
    "morph": read_morph,
    "muct": read_muct,
    "rafd": read_rafd,
    "utkface": read_utkface,
}
