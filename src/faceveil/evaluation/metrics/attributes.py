"""What protection does to other attributes than the hidden one (Gender-AN section V)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError


def accuracy_change(original: float, protected: float) -> float:
    """CAC, change of a classifier's accuracy: R_or - R_adv; 0 is ideal for what is to be kept.

    Args:
        original: accuracy in [0, 1] of the classifier of another attribute on the originals.
        protected: the same on the protected faces.
    """
    return original - protected


def mean_squared_error(before: ArrayLike, after: ArrayLike) -> float:
    """Mean squared difference of attribute probabilities.

    Args:
        before: (N, K) probabilities of K attributes read from the originals.
        after: (N, K) the same from the protected faces.

    Raises:
        OptionError: if the shapes differ or a value is no probability.
    """
    a, b = _probabilities(before, after)
    return float(((a - b) ** 2).mean())


def cross_entropy(before: ArrayLike, after: ArrayLike) -> float:
    """Mean binary cross-entropy of the protected faces' probabilities under the originals'.

    Args:
        before: (N, K) probabilities of K attributes read from the originals, or their labels.
        after: (N, K) probabilities read from the protected faces, cut off 1e-7 from 0 and 1.

    Raises:
        OptionError: if the shapes differ or a value is no probability.
    """
    a, b = _probabilities(before, after)
    b = np.clip(b, 1e-7, 1 - 1e-7)
    return float(-(a * np.log(b) + (1 - a) * np.log(1 - b)).mean())


def _probabilities(
    before: ArrayLike, after: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if a.shape != b.shape or a.size == 0:
        raise OptionError(
            f"attributes: got shapes {a.shape} and {b.shape}; expected two equal ones"
        )
    if not all(np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1 for x in (a, b)):
        raise OptionError("attributes: a value is no probability; expected 0 to 1")
    return a, b
