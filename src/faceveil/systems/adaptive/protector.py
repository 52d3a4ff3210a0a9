"""The residual editor at run time: a face and a wish in, a face out; it needs no label."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from faceveil.imaging.crop import LUMA
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.inference.device import chosen, on_device
from faceveil.inference.network import Network, network
from faceveil.inference.session import read_card
from faceveil.protect.change import add_change, to_frame
from faceveil.types import Float32Array, Float64Array, Target


def calmer(change: Float32Array, smoothing: float, gain: float) -> Float32Array:
    """A change with less colour in it: spots of colour on eyes and hair are all that is lost.

    Args:
        change: (N, S, S, 3) RGB.
        smoothing: sigma of the Gaussian over what it does to colour, in pixels of the 224 px crop.
        gain: of what it does to colour.

    Returns:
        The shape of ``change``; its luma is the same.
    """
    grey = (change @ LUMA)[..., None]
    sigma = smoothing * change.shape[1] / CROP_SIZE
    colour = change - grey
    if sigma > 0:
        colour = np.stack([cv2.GaussianBlur(c, (0, 0), sigma) for c in colour])
    return np.ascontiguousarray(grey + np.float32(gain) * colour, np.float32)


class AdaptiveProtector:
    """Protects RGB canonical crops with a network trained against attackers that learn along.

    What the person is makes no difference to it, only what the face is to read as: with a random
    target the answer says nothing about the person.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        threads: threads inside one operator; 0 takes all cores.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """

    channels = 3
    own_target: Target | None = "random"
    needs_gender = False

    def __init__(self, weights: Path, threads: int = 0) -> None:
        self.card = read_card(weights.with_suffix(".json"), "adaptive")
        self.name = "adaptive"
        self.frame = int(self.card["frame_px"])
        self._weights, self._threads, self._choice = weights, threads, chosen()
        self._networks = {0.0: self._load(0.0)}

    @property
    def runs_on(self) -> str:
        """What computes it; see :class:`faceveil.inference.network.Network`."""
        return self._networks[0.0].runs_on

    def _load(self, target: float) -> Network:
        # What the wish decides, gains and offsets of every layer, becomes part of the convolutions.
        fixed = (("target", target),)
        with on_device(self._choice.device, self._choice.precision):
            return network(self._weights, self.card["sha256"], self._threads, fixed)

    def _changed(self, faces: Float32Array, target: Float32Array) -> Float32Array:
        """The network's outputs: (N, S, S, 3), (N,) -> (N, S, S, 3)."""
        out = np.empty_like(faces)
        for value in np.unique(target).tolist():
            if value not in self._networks:
                self._networks[value] = self._load(value)
            rows = target == value
            image = np.ascontiguousarray(faces[rows].transpose(0, 3, 1, 2))
            out[rows] = self._networks[value]({"image": image}).transpose(0, 2, 3, 1)
        return out

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Protect a batch; see :class:`faceveil.protect.base.CropProtector`."""
        if len(faces) == 0:
            return faces.copy()
        small = to_frame(faces, self.frame)
        both = np.concatenate([small, small[:, :, ::-1]])
        moved = self._changed(both, np.tile(target, 2)) - both
        # The mean over a face and its mirror image: what suits one side only is halved.
        even = (moved[: len(small)] + moved[len(small) :, :, ::-1]) / 2
        change = calmer(even, self.card["chroma_smoothing_px"], self.card["chroma_gain"])
        return add_change(faces, change, self.card["smoothing_px"], self.card["gain"])
