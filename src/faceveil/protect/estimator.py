"""The gender that protection starts from, where the caller does not state it.

It is SAN's auxiliary classifier, which training saw, and never a judge.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from faceveil.inference.device import Choice
from faceveil.inference.model import Model
from faceveil.protect.change import to_frame
from faceveil.types import Float32Array


class GenderEstimator:
    """P(male) of grey canonical crops.

    The network is loaded when it is first asked: the default protector never does.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        choice: what the network runs on; ONNX Runtime in float32 in any case.
    """

    def __init__(self, weights: Path, choice: Choice = Choice()) -> None:
        self._weights, self._choice = weights, choice.reference

    @cached_property
    def _model(self) -> Model:
        return Model.load(self._weights, "gender", self._choice)

    def p_male(self, luma: Float32Array) -> Float32Array:
        """P(male): (N, 224, 224) float32 luma in [0, 1] -> (N,) float32."""
        if len(luma) == 0:
            return np.empty(0, np.float32)
        return self._model({"image": to_frame(luma, self._model.frame)[:, None]})
