"""Projected gradient descent (Madry et al., ICLR 2018): a baseline of adversarial noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceveil.inference.device import Choice
from faceveil.systems.noise.white_box import MeanLogit, direction
from faceveil.types import Float32Array, Float64Array, Target


class PGDProtector:
    """Protects grey canonical crops with noise that misleads the auxiliary gender classifiers.

    With f the mean of the classifiers' logits and s = 1 for the target male, -1 for female:

        x_0 = x,    x_{t+1} = clip(x_t + alpha s sign(df/dx(x_t)),  x - epsilon,  x + epsilon)

    and in [0, 1], alpha = 2.5 epsilon / steps as in the paper. It starts at the face itself and not
    at a random point near it, so that the same face always gives the same answer. For the neutral
    target s is the sign of -f, and no step is longer than the one that, to first order, ends at
    f = 0, |f| / ||df/dx||_1; otherwise f would swing about zero.

    Args:
        weights: ONNX files of the classifiers with their gradients, and their cards.
        epsilon: the largest change of a pixel, of the range [0, 1].
        steps: how many.
        choice: what the networks run on.

    Raises:
        ModelError: if a file or its card is missing, damaged, or of another kind.
    """

    channels = 1
    own_target: Target | None = "opposite"
    needs_gender = False
    replaces_face = False

    def __init__(
        self,
        weights: Sequence[Path],
        *,
        epsilon: float = 8 / 255,
        steps: int = 20,
        choice: Choice = Choice(),
    ) -> None:
        self.logit = MeanLogit(weights, choice)
        self.epsilon, self.steps = epsilon, steps
        self.name = "pgd"

    @property
    def runs_on(self) -> str:
        """What computes it."""
        return self.logit.runs_on

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Protect a batch; the person's own gender makes no difference, the target does.

        See :class:`faceveil.protect.base.CropProtector`.
        """
        if len(faces) == 0:
            return faces.copy()
        epsilon = np.float32(self.epsilon)
        lowest, highest = np.maximum(faces - epsilon, 0), np.minimum(faces + epsilon, 1)
        alpha = np.float32(2.5 * self.epsilon / max(self.steps, 1))
        x = faces
        for _ in range(self.steps):
            logit, gradient = self.logit(x)
            size = np.full_like(logit, alpha)
            slope = np.abs(gradient).sum(axis=(1, 2))
            # A flat picture may have no gradient at all; then there is nowhere to step to.
            zero = np.abs(logit) / np.maximum(slope, np.float32(1e-12))
            size = np.where(target == 0.5, np.minimum(size, zero), size)
            step = size * direction(logit, target)
            x = np.clip(x + step[:, None, None] * np.sign(gradient), lowest, highest)
        return np.asarray(x, np.float32)
