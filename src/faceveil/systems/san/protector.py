"""SAN at run time: the exported autoencoder behind the crop protectors' interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from faceveil.imaging.prototypes import prototype_warp
from faceveil.inference.device import Choice
from faceveil.inference.model import Model
from faceveil.protect.change import add_change, to_frame
from faceveil.types import Float32Array, Float64Array, Target


class SANNetwork:
    """One exported SAN in its own frame; the unit that ensembles and flows are made of.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        choice: what the network runs on.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """

    def __init__(self, weights: Path, choice: Choice = Choice()) -> None:
        self._model = Model.load(weights, "protector", choice)
        self.card, self.frame = self._model.card, self._model.frame
        self.male_share = float(self.card["male_share"])
        self.smoothing = float(self.card["smoothing_px"])
        self.gain = float(self.card["gain"])

    @property
    def runs_on(self) -> str:
        """What computes it; see :class:`faceveil.inference.model.Network`."""
        return self._model.runs_on

    def __call__(
        self, faces: Float32Array, male: Float32Array, target: Float32Array, theta: Float32Array
    ) -> Float32Array:
        """The network's outputs.

        A target of 0.5 takes the paper's neutral prototype: the mean faces weighted by the shares
        of the classes in the training set.

        Args:
            faces: (N, frame, frame) grey in [0, 1].
            male: (N,) 1 where the person is male, 0 where female.
            target: (N,) 1 male, 0 female, 0.5 neutral.
            theta: (N, 2, 3) prototype warps.

        Returns:
            (N, frame, frame) in [0, 1].
        """
        share = np.where(target == 0.5, self.male_share, target).astype(np.float32)
        feed = {"image": faces[:, None], "male": male, "target": share, "theta": theta}
        return np.asarray(self._model(feed)[:, 0], np.float32)


class SANProtector:
    """Protects grey canonical crops with one SAN.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        choice: what the network runs on.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """

    channels = 1
    own_target: Target | None = "opposite"
    needs_gender = True
    replaces_face = False

    def __init__(self, weights: Path, choice: Choice = Choice()) -> None:
        self.network = SANNetwork(weights, choice)
        self.name = str(self.network.card["name"])

    @property
    def runs_on(self) -> str:
        """What computes it."""
        return self.network.runs_on

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
        network = self.network
        small = to_frame(faces, network.frame)
        out = network(small, male, target, prototype_warp(landmarks, len(faces)))
        return add_change(faces, out - small, network.smoothing, network.gain)
