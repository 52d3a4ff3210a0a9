"""The attributes of faces for ``evaluations/gender-an.toml``: crops to probabilities.

These are the labels that Gender-AN's training data were given where CelebA's own list is silent, so
they say how far attributes move, not how well a stranger reads them.
"""

from __future__ import annotations

import numpy as np

from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.systems.editors.protector import AttributeEstimator
from faceveil.types import Float32Array, Uint8Array

NAMES = ("Male", "Attractive", "Heavy_Makeup", "Young")


class _Attributes:
    attributes = NAMES

    def __init__(self) -> None:
        self._estimate: AttributeEstimator | None = None

    def __call__(self, crops: Uint8Array) -> Float32Array:
        """(N, 224, 224[, 3]) uint8 -> (N, 4)."""
        if self._estimate is None:
            self._estimate = AttributeEstimator(
                WEIGHTS / "aux_attributes.onnx", NAMES, choice=Choice(threads=1)
            )
        rgb = np.repeat(crops[..., None], 3, axis=3) if crops.ndim == 3 else crops
        return self._estimate(np.asarray(rgb / np.float32(255), np.float32))


attributes = _Attributes()
