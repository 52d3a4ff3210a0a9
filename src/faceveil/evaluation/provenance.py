"""What measured: versions of the software, digests of the weights."""

from __future__ import annotations

import json
import platform

import cv2
import numpy as np
import onnxruntime as ort

from faceveil import __version__
from faceveil.inference.card import WEIGHTS


def versions() -> dict[str, str]:
    """Versions by name."""
    return {
        "faceveil": __version__,
        "python": platform.python_version(),
        **{m.__name__: m.__version__ for m in (np, cv2, ort)},
    }


def digests() -> dict[str, str]:
    """The SHA-256 of every shipped weight, from its card."""
    cards = {p.stem: json.loads(p.read_text()) for p in sorted(WEIGHTS.glob("*.json"))}
    return {name: str(card["sha256"]) for name, card in cards.items() if "sha256" in card}
