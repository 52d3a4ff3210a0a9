"""The methods in plain words, for the page and for GET models."""

from __future__ import annotations

from typing import Any

from faceveil.errors import ModelError
from faceveil.inference.card import WEIGHTS, read_card
from faceveil.protect.targets import DEFAULT_STRENGTH
from faceveil.systems.editors.protector import HIDE
from faceveil.systems.specs import DEFAULT, SPECS, Spec
from faceveil.web.settings import Settings

SLOW = 0.5
"""Seconds a face from which there is no preview while a slider moves."""


def describe(settings: Settings) -> dict[str, Any]:
    """What GET models answers."""
    return {
        "default": DEFAULT,
        "methods": [_method(name, spec) for name, spec in SPECS.items()],
        "limits": {
            "photo_bytes": settings.max_photo_bytes,
            "request_bytes": settings.max_request_bytes,
            "pixels": settings.max_pixels,
            "files": settings.max_files,
            "seconds": settings.seconds,
        },
    }


def _method(name: str, spec: Spec) -> dict[str, Any]:
    hides, installed = _hides(name) if "hide" in spec.takes else ([], True)
    stands_in: Any = spec.made.replaces_face  # of the class: a protocol's would be a property
    return {
        "name": name,
        "description": spec.line,
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
