"""The L2 attack of Carlini and Wagner (IEEE S&P 2017): a baseline of adversarial noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceveil.inference.device import Choice
from faceveil.inference.model import BATCH
from faceveil.systems.noise.white_box import MeanLogit, direction
from faceveil.types import Float32Array, Float64Array, Target

NEUTRAL_LOGIT = 0.1
"""The neutral target is met where |f| is at most this: P(male) is then 0.475 to 0.525."""


class CWProtector:
    """Protects grey canonical crops with the least noise that misleads the auxiliary classifiers.

    With f the mean of the classifiers' logits, s = 1 for the target male, -1 for female, and the
    result written as x' = (tanh(w) + 1) / 2, which keeps it in [0, 1]:

        minimise over w   ||x' - x||_2^2 + c h(x'),    h(x') = max(kappa - s f(x'), 0)

    by Adam, from x' = x. The factor c is found for each face by bisection: smaller after a search
    that met the target (h = 0), larger after one that did not. The answer is the nearest x' of all
    that met it; of a face that none met it for, the x' that came closest. For the neutral target
    h = max(|f| - 0.1, 0); being the nearest, its answers lie on their own gender's side of zero.

    Args:
        weights: ONNX files of the classifiers with their gradients, and their cards.
        kappa: how far beyond f = 0 the target is met. The paper's 0 is undone by rounding to 8 bits
            and by any strength below 1; the default is about what an unprotected face reads.
        searches: how many values of c.
        steps: of Adam for each of them. The paper's 10,000 would take minutes a face.
        rate: of Adam, in w.
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
        kappa: float = 4.0,
        searches: int = 3,
        steps: int = 40,
        rate: float = 0.01,
        choice: Choice = Choice(),
    ) -> None:
        self.logit = MeanLogit(weights, choice)
        self.kappa, self.searches, self.steps, self.rate = kappa, searches, steps, rate
        self.name = "cw"

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
        done = faces.copy()
        for start in range(0, len(faces), BATCH):  # Adam keeps five pictures for each face
            rows = slice(start, start + BATCH)
            done[rows] = self._nearest(faces[rows], target[rows])
        return done

    def _nearest(self, faces: Float32Array, target: Float32Array) -> Float32Array:
        """Bisection over c."""
        count = len(faces)
        c, low = np.full(count, FIRST_C, np.float32), np.zeros(count, np.float32)
        high = np.full(count, np.inf, np.float32)
        best, cost = faces.copy(), np.full(count, np.inf, np.float32)
        for _ in range(self.searches):
            found, price = self._search(faces, target, c)
            better = price < cost
            best[better], cost[better] = found[better], price[better]
            met = price < MISSED
            high, low = np.where(met, c, high), np.where(met, low, c)
            c = np.where(np.isinf(high), 10 * c, (low + np.minimum(high, 1e9)) / 2)
        return best

    def _search(
        self, faces: Float32Array, target: Float32Array, c: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Adam with one c for each face: the best (N, 224, 224) on the way, and their prices."""
        w = np.arctanh((2 * faces - 1) * np.float32(0.99999))  # black and white would be infinite
        mean, square = np.zeros_like(w), np.zeros_like(w)
        best, cost = faces.copy(), np.full(len(faces), np.inf, np.float32)
        for step in range(1, self.steps + 1):
            tanh = np.tanh(w)
            x = (tanh + 1) / 2
            logit, gradient = self.logit(x)
            hinge, towards = self._hinge(logit, target)
            change = x - faces
            # The nearest that met the target; until one has, the one that came closest to it.
            distance = np.square(change).sum(axis=(1, 2))
            price = np.where(hinge > 0, MISSED * (1 + hinge), distance)
            better = price < cost
            best[better], cost[better] = x[better], price[better]
            slope = (2 * change - (c * towards)[:, None, None] * gradient) * (1 - tanh * tanh) / 2
            mean = 0.9 * mean + 0.1 * slope
            square = 0.999 * square + 0.001 * slope * slope
            size = self.rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            w = w - np.float32(size) * mean / (np.sqrt(square) + np.float32(1e-8))
        return best, cost

    def _hinge(
        self, logit: Float32Array, target: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """h, and the direction of f that lessens it: 0 where the target is met; (N,) each."""
        towards = direction(logit, target)
        missing = np.where(
            target == 0.5, np.abs(logit) - NEUTRAL_LOGIT, self.kappa - towards * logit
        )
        hinge = np.asarray(np.maximum(missing, 0), np.float32)
        return hinge, np.asarray(np.where(hinge > 0, towards, 0), np.float32)


FIRST_C = 3.0
"""Where the bisection starts: of 0.1, 1 and 3 the one with the least noise after two searches."""

MISSED = 1e6
"""A price above that of any change of 224 x 224 pixels: the target was not met."""
