"""SAN at run time: the exported autoencoder behind the crop protectors' interface."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from faceveil.errors import ModelError
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.imaging.prototypes import prototype_warp
from faceveil.runtime.session import read_card, run_in_batches, session
from faceveil.types import Float32Array, Float64Array


class SANProtector:
    """Protects grey canonical crops with a SAN.

    The network works at its own frame (128 px for the shipped weights). What it changes there is
    brought to 224 px, smoothed, and added to the crop, so that the crop's own fine detail stays and
    the 2x2 blocks of the network's nearest-neighbour upsampling do not show. The card's ``gain``
    makes up for what smoothing takes away.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        threads: threads inside one operator; 0 takes all cores.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """

    def __init__(self, weights: Path, threads: int = 0) -> None:
        self.card = read_card(weights.with_suffix(".json"))
        if self.card.get("kind") != "protector":
            raise ModelError(
                f"{weights}: kind is {self.card.get('kind')!r}; expected a protector's weights"
            )
        self.name = str(self.card["name"])
        self.frame = int(self.card["frame_px"])
        self.male_share = float(self.card["male_share"])
        self.smoothing = float(self.card["smoothing_px"])
        self.gain = float(self.card["gain"])
        self._session = session(weights, self.card["sha256"], threads)

    def protect(
        self,
        luma: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Protect a batch; see :class:`faceveil.protectors.base.CropProtector`.

        A target of 0.5 takes the paper's neutral prototype: the mean faces weighted by the shares
        of the classes in the training set.
        """
        if len(luma) == 0:
            return luma.copy()
        size = (self.frame, self.frame)
        small = np.stack([cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in luma])
        share = np.where(target == 0.5, self.male_share, target).astype(np.float32)
        theta = prototype_warp(landmarks, len(luma))
        feed = {"image": small[:, None], "male": male, "target": share, "theta": theta}
        change = run_in_batches(self._session, feed)[:, 0] - small
        full = (CROP_SIZE, CROP_SIZE)
        up = np.stack([cv2.resize(x, full, interpolation=cv2.INTER_CUBIC) for x in change])
        if self.smoothing > 0:
            up = np.stack([cv2.GaussianBlur(x, (0, 0), self.smoothing) for x in up])
        return np.asarray(np.clip(luma + self.gain * up, 0, 1), np.float32)
