"""Adversary 5, similarity: whom does the protected face resemble? (Osorio-Roig, TBIOM 2022).

Assumption: the adversary has labelled faces of its own, the protector, and a face matcher. Faces
that still match also match people of their own gender a little better; so perfect matching and
perfect privacy are in tension.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.base import Scene, as_rgb
from faceveil.evaluation.adversaries.inputs import check_own
from faceveil.types import Float32Array, Float64Array


def _log_weights(n: int) -> Float64Array:
    """-log10(r / (r + 1)) of rank r."""
    r = np.arange(1, n + 1)
    return np.asarray(-np.log10(r / (r + 1)), np.float64)


def _linear_weights(n: int) -> Float64Array:
    """1 / (r + 1) of rank r."""
    return np.asarray(1 / (np.arange(1, n + 1) + 1), np.float64)


STATISTICS: Mapping[str, Callable[[int], Float64Array]] = {
    "mean": lambda n: np.full(n, 1 / n),
    "log": _log_weights,
    "linear": _linear_weights,
}
"""Weights of the n highest scores, best first; n = 1 of ``mean`` is the maximum."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """The n best scores against protected men, less those against protected women.

    Attributes:
        tops: values of n; those above the gallery's size are left out.
    """

    tops: tuple[int, ...] = (1, 5, 10, 50, 100)
    name: str = "similarity"
    assumption: str = (
        "has labelled faces, the protector and a face matcher, and asks whom it is like"
    )

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """Scores by ``topN-statistic/matcher``.

        Raises:
            OptionError: if own faces are too few, or no n lies between 1 and their number.
        """
        check_own(scene)
        rows = balanced(scene.own_male, scene.seed)
        if not self.tops or min(self.tops) < 1 or min(self.tops) > len(rows) // 2:
            raise OptionError(
                f"similarity: got tops {self.tops}; expected numbers from 1, one of them at most "
                f"{len(rows) // 2}, the gallery's faces per gender"
            )
        gallery = scene.protect(scene.own, scene.own_male)
        found: dict[str, Float32Array] = {}
        for matcher in scene.matchers:
            embeddings = matcher.embed(as_rgb(gallery[rows]))
            male = scene.own_male[rows].astype(bool)
            scores = matcher.embed(as_rgb(scene.targets)) @ embeddings.T
            men, women = (-np.sort(-scores[:, side], axis=1) for side in (male, ~male))
            for n in self.tops:
                if n > men.shape[1]:
                    continue
                for statistic, weigh in STATISTICS.items():
                    if n == 1 and statistic != "mean":
                        continue  # all the same
                    value = (men[:, :n] - women[:, :n]) @ weigh(n)
                    variant = f"top{n}-{statistic}/{matcher.info.name}"
                    found[variant] = np.asarray(value, np.float32)
        return found


def balanced(male: np.ndarray, seed: int) -> np.ndarray:
    """Rows of equally many men and women, as many as there are of the rarer."""
    generator = np.random.default_rng(seed)
    sides = [generator.permutation(np.flatnonzero(male == side)) for side in (0, 1)]
    count = min(map(len, sides))
    return np.sort(np.concatenate([side[:count] for side in sides]))
