"""The auxiliary gender classifiers with their gradients, which adversarial noise follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from faceveil.imaging.geometry import CROP_SIZE
from faceveil.inference.device import Choice
from faceveil.inference.model import Model
from faceveil.types import Float32Array


class GradientNetwork:
    """One exported classifier in its own frame: its logit of P(male), and the logit's gradient.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        choice: what the networks run on.

    Raises:
        ModelError: if the file or its card is missing, damaged, or of another kind.
    """

    def __init__(self, weights: Path, choice: Choice = Choice()) -> None:
        self.model = Model.load(weights, "gradient", choice.reference)
        self.shrink = shrinking(self.model.frame)

    def __call__(self, luma: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Logit and gradient at the crops' own resolution.

        With A the matrix of :func:`shrinking`, the network reads y = A x A^T; hence
        df/dx = A^T (df/dy) A, exactly.

        Args:
            luma: (N, 224, 224) in [0, 1], N >= 1.

        Returns:
            f: (N,) logits; df/dx: (N, 224, 224).
        """
        small = self.shrink @ luma @ self.shrink.T
        # One face a call: the answer for a face then never depends, not even in its last bit,
        # on the others (signs of gradients would amplify that); and it is quicker, as a face's
        # maps fit into the cache.
        found = [self.model.outputs({"image": face[None, None]}) for face in small]
        logits = np.concatenate([logit for logit, _ in found])
        gradients = np.concatenate([gradient[:, 0] for _, gradient in found])
        return logits, np.asarray(self.shrink.T @ gradients @ self.shrink, np.float32)


class MeanLogit:
    """The mean of several classifiers' logits, f = mean_k f_k, and its gradient.

    Args:
        weights: ONNX files of the classifiers, with their cards.
        choice: what the networks run on.

    Raises:
        ModelError: if a file or its card is missing, damaged, or of another kind.
    """

    def __init__(self, weights: Sequence[Path], choice: Choice = Choice()) -> None:
        self.networks = [GradientNetwork(path, choice) for path in weights]

    @property
    def runs_on(self) -> str:
        """What computes it; see :class:`faceveil.inference.model.Network`."""
        return self.networks[0].model.runs_on

    def __call__(self, luma: Float32Array) -> tuple[Float32Array, Float32Array]:
        """f: (N,) logits of P(male); df/dx: (N, 224, 224), of crops (N, 224, 224) in [0, 1]."""
        logits, gradients = zip(*(network(luma) for network in self.networks), strict=True)
        return np.mean(logits, axis=0), np.mean(gradients, axis=0)


def shrinking(frame: int) -> Float32Array:
    """The matrix A (frame, 224) with which A x A^T is a crop x averaged down to the frame.

    OpenCV's area interpolation, as in :func:`faceveil.protect.change.to_frame`, is separable
    and linear; so its answer for the unit matrix along one axis is all of it.
    """
    unit = np.eye(CROP_SIZE, dtype=np.float32)
    matrix = cv2.resize(unit, (CROP_SIZE, frame), interpolation=cv2.INTER_AREA)
    return np.asarray(matrix, np.float32)


def direction(logit: Float32Array, target: Float32Array) -> Float32Array:
    """Where the logit should go: 1 up (male), -1 down (female); towards zero for neutral.

    Args:
        logit: (N,) what it is now.
        target: (N,) 1 male, 0 female, 0.5 neutral.

    Returns:
        (N,) of -1, 0 or 1.
    """
    return np.asarray(np.where(target == 0.5, -np.sign(logit), np.sign(target - 0.5)), np.float32)
