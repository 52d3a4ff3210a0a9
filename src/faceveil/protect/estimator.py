"""The gender that protection starts from, where the caller does not state it.

It is SAN's auxiliary classifier, which training saw, and never a judge.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from faceveil.inference.device import chosen, name_of, on_device
from faceveil.inference.session import read_card, run_in_batches, session
from faceveil.types import Float32Array


class GenderEstimator:
    """P(male) of grey canonical crops.

    The network is loaded when it is first asked: the default protector never does.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        threads: threads inside one operator; 0 takes all cores.
    """

    def __init__(self, weights: Path, threads: int = 0) -> None:
        card = read_card(weights.with_suffix(".json"))
        self.frame = int(card["frame_px"])
        self._weights, self._sha256, self._threads = weights, card["sha256"], threads
        self._choice = chosen()

    @cached_property
    def _session(self) -> ort.InferenceSession:
        with on_device(self._choice.device, self._choice.precision):
            return session(self._weights, self._sha256, self._threads)

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
