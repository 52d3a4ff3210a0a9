"""The residual editor at run time: a face and a wish in, a face out; it needs no label."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from faceveil.imaging.crop import LUMA
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.inference.device import Choice
from faceveil.inference.model import Model
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
        choice: what the network runs on.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """

    channels = 3
    own_target: Target | None = "random"
    needs_gender = False
    replaces_face = False

    def __init__(self, weights: Path, choice: Choice = Choice()) -> None:
        self.name = "adaptive"
        self._weights, self._choice = weights, choice
        self._models = {0.0: self._load(0.0)}
        self.card, self.frame = self._models[0.0].card, self._models[0.0].frame

    @property
    def runs_on(self) -> str:
        """What computes it; see :class:`faceveil.inference.model.Network`."""
        return self._models[0.0].runs_on

    def _load(self, target: float) -> Model:
        # What the target decides, gains and offsets of every layer, becomes part of convolutions.
        return Model.load(self._weights, "adaptive", self._choice, fixed=("target", target))

    def _changed(self, faces: Float32Array, target: Float32Array) -> Float32Array:
        """The network's outputs: (N, S, S, 3), (N,) -> (N, S, S, 3)."""
        out = np.empty_like(faces)
        for value in np.unique(target).tolist():
            if value not in self._models:
                self._models[value] = self._load(value)
            rows = target == value
            image = np.ascontiguousarray(faces[rows].transpose(0, 3, 1, 2))
            out[rows] = self._models[value]({"image": image}).transpose(0, 2, 3, 1)
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
        if self.card.get("even", False):  # trained to change a mirror image as the face
            moved = self._changed(small, target) - small
        else:
            both = np.concatenate([small, small[:, :, ::-1]])
            moved = self._changed(both, np.tile(target, 2)) - both
            # The mean over a face and its mirror image: what suits one side only is halved.
            moved = (moved[: len(small)] + moved[len(small) :, :, ::-1]) / 2
        change = calmer(moved, self.card["chroma_smoothing_px"], self.card["chroma_gain"])
        return add_change(faces, change, self.card["smoothing_px"], self.card["gain"])
