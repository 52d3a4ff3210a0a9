"""The step from scores to error rates, shared by gender and verification metrics.

Conventions: a score at or above the threshold is accepted. FMR(t) = P(negative >= t) and
FNMR(t) = P(positive < t). Tied scores move together, so a curve has one point per distinct value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from faceveil.errors import OptionError
from faceveil.types import Float64Array


def checked_scores(scores: ArrayLike, name: str) -> Float64Array:
    """Scores as a flat float64 array.

    Args:
        scores: (N,) finite numbers, N >= 1.
        name: what the scores are, for the message.

    Returns:
        (N,) float64.

    Raises:
        OptionError: if there is no score, more than one axis, or a value that is not finite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise OptionError(f"{name}: got shape {values.shape}; expected (N,); flatten the scores")
    if values.size == 0:
        raise OptionError(f"{name}: got no score; expected at least one; check the labels")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise OptionError(
            f"{name}: {bad} of {values.size} scores are NaN or infinite; expected finite scores; "
            "find the picture that broke the judge"
        )
    return values


def rank_auc(positive: Float64Array, negative: Float64Array) -> float:
    """P(positive > negative) + P(positive = negative) / 2, in [0, 1].

    Args:
        positive: (P,) finite scores.
        negative: (Q,) finite scores.
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below.mean() + not_above.mean()) / 2 / ordered.size)


def error_curve(
    positive: Float64Array, negative: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """FMR and FNMR at every distinct score, from the strictest threshold down.

    Args:
        positive: (P,) finite scores.
        negative: (Q,) finite scores.

    Returns:
        thresholds, fmr, fnmr: (T,) each. The first threshold is infinite (nothing is accepted).
    """
    values = np.unique(np.concatenate([positive, negative]))[::-1]
    thresholds = np.concatenate([[np.inf], values])
    fmr = 1 - np.searchsorted(np.sort(negative), thresholds, side="left") / negative.size
    fnmr = np.searchsorted(np.sort(positive), thresholds, side="left") / positive.size
    return thresholds, fmr, fnmr


def equal_error_rate(positive: Float64Array, negative: Float64Array) -> float:
    """Where FMR = FNMR on the ROC, linear between its points: in [0, 1].

    Args:
        positive: (P,) finite scores.
        negative: (Q,) finite scores.
    """
    _, fmr, fnmr = error_curve(positive, negative)
    # fmr - fnmr rises from -1 to 1; equal values can only repeat where neither rate changes.
    return float(np.interp(0.0, fmr - fnmr, fmr))
