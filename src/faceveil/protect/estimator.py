"""The gender that protection starts from, where the caller does not state it.

It is SAN's auxiliary classifier, which training saw, and never a judge.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from faceveil.inference.device import name_of
from faceveil.inference.session import read_card, run_in_batches, session
from faceveil.types import Float32Array


class GenderEstimator:
    """P(male) of grey canonical crops.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        threads: threads inside one operator; 0 takes all cores.
    """

    def __init__(self, weights: Path, threads: int = 0) -> None:
        card = read_card(weights.with_suffix(".json"))
        self.frame = int(card["frame_px"])
        self._session = session(weights, card["sha256"], threads)

    @property
    def device(self) -> str:
        """What it runs on: ``CPU``, ``CUDA`` or ``TensorRT``."""
        return name_of(self._session)

    def p_male(self, luma: Float32Array) -> Float32Array:
        """P(male): (N, 224, 224) float32 luma in [0, 1] -> (N,) float32."""
        if len(luma) == 0:
            return np.empty(0, np.float32)
        size = (self.frame, self.frame)
        small = np.stack([cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in luma])
        return run_in_batches(self._session, {"image": small[:, None]})
