"""The methods in plain words, for the page and for GET models."""

from __future__ import annotations

from typing import Any

from faceveil.errors import ModelError
from faceveil.inference.card import WEIGHTS, read_card
from faceveil.protect.targets import DEFAULT_STRENGTH
from faceveil.systems.editors.protector import HIDE
from faceveil.systems.specs import DEFAULT, list_protectors, spec_of
from faceveil.web.settings import Settings

LINES: dict[str, str] = {
    "adaptive": "Changes brows, eyes, jaw and colours a little, whoever it is. The usual choice.",
    "san": "Changes the shading of the face a little. The method that all this began with.",
    "ensemble": "Averages five such networks. Gentler than san at the same strength; slower.",
    "flowsan": "Three networks in sequence. Hides a bit less than san, keeps the person better.",
    "gender-an": "Redraws the face in colour with another gender; can also hide age.",
    "privacynet": "Redraws the face in colour; can also hide age and race.",
    "mixing": "Blends the face with an average face of the other gender. Visible.",
    "pgd": "Adds fine noise that misleads a few known programs. Slow; other programs see through.",
    "cw": "Adds the least noise that misleads a few known programs. Takes minutes.",
    "blur": "Blurs the face. The person is harder to recognise too.",
    "pixelate": "Turns the face into coarse squares. The person is harder to recognise too.",
    "black-box": "Covers the face; at full strength nothing of it is left.",
}
"""One line a method."""

SLOW = 0.5
"""Seconds a face from which there is no preview while a slider moves."""


def describe(settings: Settings) -> dict[str, Any]:
    """What GET models answers."""
    return {
        "default": DEFAULT,
        "methods": [_method(name) for name in sorted(list_protectors(), key=_rank)],
        "limits": {
            "photo_bytes": settings.max_photo_bytes,
            "request_bytes": settings.max_request_bytes,
            "pixels": settings.max_pixels,
            "files": settings.max_files,
            "seconds": settings.seconds,
        },
    }


def _rank(name: str) -> tuple[int, str]:
    order = list(LINES)
    return (order.index(name) if name in LINES else len(order), name)


def _method(name: str) -> dict[str, Any]:
    spec = spec_of(name)
    hides, installed = _hides(name) if "hide" in spec.takes else ([], True)
    stands_in: Any = spec.made.replaces_face  # of the class: a protocol's would be a property
    return {
        "name": name,
        "description": LINES.get(name, name),
        "installed": installed,
        "slow": spec.seconds > SLOW,
        "seconds": spec.seconds,
        "targets": spec.made.own_target is not None,
        "own_target": spec.made.own_target,
        "needs_gender": spec.made.needs_gender,
        "strength": 1.0 if stands_in else DEFAULT_STRENGTH,
        "options": sorted(spec.takes),
        "hides": hides,
    }


def _hides(name: str) -> tuple[list[str], bool]:
    """What an editor can hide, by its card; editors are the methods that may be absent."""
    try:
        card = read_card(WEIGHTS / f"{name.replace('-', '_')}.json")
    except ModelError:
        return [], False
    return [what for what in HIDE if what in card.get("hides", {})], True
