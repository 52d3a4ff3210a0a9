"""AUC and EER where each row counts with a weight: a thousand bootstrap repeats in one pass.

The rows are sorted once; a repeat changes only how often each counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from faceveil.types import Float64Array


def weighted_auc(scores: ArrayLike, male: ArrayLike, w: Float64Array) -> Float64Array:
    """AUC of each repeat.

    Args:
        scores: (N,) finite scores.
        male: (N,) 1 male, 0 female.
        w: (R, N) how often each row counts in each repeat.

    Returns:
        (R,); NaN where a class has no weight.
    """
    men, women = _by_value(scores, male, w)
    below = np.cumsum(women, axis=1) - women
    with np.errstate(invalid="ignore"):
        total = men.sum(axis=1) * women.sum(axis=1)
        values: Float64Array = (men * (below + women / 2)).sum(axis=1) / total
    return values


def weighted_eer(scores: ArrayLike, male: ArrayLike, w: Float64Array) -> Float64Array:
    """EER of each repeat, as :func:`faceveil.evaluation.metrics.gender.eer`.

    Args:
        scores: (N,) scores.
        male: (N,) 1 male, 0 female.
        w: (R, N) how often each row counts in each repeat.

    Returns:
        (R,); NaN where a class has no weight.
    """
    men, women = _by_value(scores, male, w)
    zero = np.zeros((len(w), 1))
    with np.errstate(invalid="ignore"):
        fnr = np.hstack([zero, np.cumsum(men, axis=1)]) / men.sum(axis=1, keepdims=True)
        fpr = 1 - np.hstack([zero, np.cumsum(women, axis=1)]) / women.sum(axis=1, keepdims=True)
    gap = fnr - fpr
    after = np.maximum((gap >= 0).argmax(axis=1), 1)
    rows = np.arange(len(w))
    g0, g1 = gap[rows, after - 1], gap[rows, after]
    share = np.divide(-g0, g1 - g0, out=np.zeros(len(w)), where=(g1 - g0) != 0)
    values: Float64Array = fnr[rows, after - 1] + share * (fnr[rows, after] - fnr[rows, after - 1])
    return values


def _by_value(
    scores: ArrayLike, male: ArrayLike, w: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Weights of men and of women at each distinct score, ascending: (R, U) each."""
    values, groups = np.unique(np.asarray(scores, np.float64), return_inverse=True)
    positive = np.asarray(male).astype(bool)
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(values)))
    sides = (w * positive, w * ~positive)
    men, women = (np.add.reduceat(side[:, order], starts, axis=1) for side in sides)
    return men, women
