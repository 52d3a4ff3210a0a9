"""Cards that ``faceveil publish`` writes: NCHW, pixels in 0 to 1, one output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def native_form(card: Mapping[str, Any]) -> dict[str, Any]:
    """The native form of a published card.

    Args:
        card: the parsed JSON.

    Raises:
        KeyError: if a field is missing; the name of the field is its argument.
    """
    kind, given = card["kind"], card["input"]
    return {
        **card,
        "task": "gender" if kind == "gender" else "embedding",
        "role": kind,
        "source": card.get("source", "FaceVeil, trained by this project"),
        "training_data": ", ".join(card["data"]),
        "input": {"size": card["frame_px"], "channels": given["channels"], "scale": 1 / 255},
        "crop": {"frame": "arcface" if "ArcFace" in given.get("frame", "") else "canonical"},
        "output": {"male": 0},
    }
