"""What a model says of itself: its card, a JSON file beside the weights, and their sha256."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from faceveil.errors import ModelError

WEIGHTS = Path(str(resources.files("faceveil"))) / "weights"
"""Folder of the models that come with the package."""

MOST_PIXELS = 4096
"""Side of the largest frame that a card may ask for: a damaged one is not to fill the memory."""


class Card(dict[str, Any]):
    """A model's card; a value that it lacks is a :class:`ModelError`, where :meth:`get` gives None.

    Args:
        path: its file, for the complaint.
        values: what it says.

    Raises:
        ModelError: if a value that all cards have in common is of another type or out of range.
    """

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.path = path
        frame = self.get("frame_px", 1)
        if type(frame) is not int or not 1 <= frame <= MOST_PIXELS:
            self._refuse("frame_px", frame, f"1 to {MOST_PIXELS} pixels")
        digest = self.get("sha256", "0" * 64)
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            self._refuse("sha256", digest, "64 hexadecimal digits")
        for key in ("gain", "smoothing_px", "chroma_gain", "chroma_smoothing_px"):
            value = self.get(key, 0)
            if type(value) not in (int, float) or not 0 <= value <= MOST_PIXELS:
                self._refuse(key, value, f"a number from 0 to {MOST_PIXELS}")

    def __missing__(self, key: str) -> Any:
        raise ModelError(f"{self.path}: says nothing of {key}; expected a whole card; reinstall it")

    def _refuse(self, key: str, value: object, expected: str) -> None:
        raise ModelError(f"{self.path}: {key} is {value!r}; expected {expected}; reinstall it")


def read_card(path: Path, kind: str | None = None) -> Card:
    """A model's card.

    Args:
        path: the JSON file beside the weights.
        kind: what the model must be, or None for any.

    Raises:
        ModelError: if the card is missing, is no JSON object, is of another kind, or says what
            cannot be.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such file; expected a model card; reinstall faceveil"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a model card ({error}); reinstall faceveil") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: not a model card (no JSON object); reinstall faceveil")
    if kind is not None and card.get("kind") != kind:
        raise ModelError(f"{path}: kind is {card.get('kind')!r}; expected {kind!r}")
    return Card(path, card)


def card_beside(weights: Path, kind: str | None = None) -> Card:
    """The card of a file of weights, which lies beside it with the suffix ``.json``.

    Raises:
        ModelError: as :func:`read_card`.
    """
    return read_card(weights.with_suffix(".json"), kind)


def verified_bytes(path: Path, sha256: str | None) -> bytes:
    """A model file's bytes.

    Args:
        path: the file.
        sha256: the digest that its card states, or None where it states none.

    Raises:
        ModelError: if the file is missing, cannot be read, or has another digest.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; expected a model; reinstall faceveil") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check it") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise ModelError(
            f"{path}: sha256 is {found[:12]}..., its card says {sha256[:12]}...; "
            "the file is damaged or was replaced; reinstall faceveil"
        )
    _LOADED[path.name] = found
    return data


_LOADED: dict[str, str] = {}


def loaded_files() -> dict[str, str]:
    """The sha256 of each model file that this process has read, by the file's name."""
    return dict(sorted(_LOADED.items()))
