"""How well scores tell gender: pure functions of scores and labels.

Scores are P(male) or anything that grows with it; male is the positive class. Privacy is the
distance of the AUC from one half: an AUC below it is read by 1 - p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.types import Float64Array


def auc(scores: ArrayLike, male: ArrayLike) -> float:
    """Area under the ROC curve: P(s_m > s_f) + P(s_m = s_f) / 2.

    Args:
        scores: (N,) finite scores.
        male: (N,) 1 male, 0 female; both must occur.

    Raises:
        OptionError: if a score is not finite, a class is empty, or the lengths differ.
    """
    men, women = _split(scores, male)
    women = np.sort(women)
    below = np.searchsorted(women, men, "left")
    up_to = np.searchsorted(women, men, "right")
    return float((below + up_to).mean() / (2 * len(women)))


def eer(scores: ArrayLike, male: ArrayLike) -> float:
    """Equal error rate: where the shares of men read as women and of women read as men meet.

    Between two thresholds the curves are joined by straight lines. Above 0.5 the labels are
    flipped.
    """
    men, women = _split(scores, male)
    return equal_error_rate(men, women)


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """A ROC curve: one point per threshold, from (0, 0) to (1, 1).

    Attributes:
        fpr: (K,) false positive rates, rising: the share of women read as men, or of impostors
            that match.
        tpr: (K,) true positive rates.
        thresholds: (K,) falling; a score at or above it counts as positive; the first is infinite.
    """

    fpr: Float64Array
    tpr: Float64Array
    thresholds: Float64Array


def roc(scores: ArrayLike, male: ArrayLike) -> RocCurve:
    """ROC curve of gender scores."""
    return roc_of(*_split(scores, male))


def roc_of(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> RocCurve:
    """ROC curve of two sets of finite scores, the positive ones expected higher."""
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    tpr, fpr = (
        (len(side) - np.searchsorted(np.sort(side), thresholds, "left")) / len(side)
        for side in (positive, negative)
    )
    first = np.zeros(1)
    return RocCurve(
        np.concatenate([first, fpr]),
        np.concatenate([first, tpr]),
        np.concatenate([[np.inf], thresholds]),
    )


def reduction(original: float, protected: float, chance: float = 0.5) -> float:
    """Gender-AN eq. (9): (R_or - R_adv) / (R_or - R_random); 1 is ideal, above it flips.

    Args:
        original: accuracy (or AUC) of an attribute classifier on the originals.
        protected: the same on the protected faces.
        chance: what guessing gives.

    Raises:
        OptionError: if the classifier is at chance on the originals.
    """
    if np.isclose(original, chance):
        raise OptionError(f"reduction: {original:g} on the originals is chance; nothing to reduce")
    return (original - protected) / (original - chance)


def error_rate(scores: ArrayLike, male: ArrayLike, threshold: float = 0.5) -> float:
    """Share of faces on the wrong side of the threshold (at it counts as male)."""
    men, women = _split(scores, male)
    return float(((men < threshold).sum() + (women >= threshold).sum()) / (len(men) + len(women)))


def balanced_accuracy(scores: ArrayLike, male: ArrayLike, threshold: float = 0.5) -> float:
    """Mean of the shares of men and of women that are read right."""
    men, women = _split(scores, male)
    return float(((men >= threshold).mean() + (women < threshold).mean()) / 2)


def equal_error_rate(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """EER of two sets of scores, the positive ones expected higher."""
    thresholds = np.unique(np.concatenate([positive, negative]))
    # Error rates just below the lowest score, at each score, and above the highest.
    missed = np.append(np.searchsorted(np.sort(positive), thresholds, "left"), len(positive))
    passed = len(negative) - np.searchsorted(np.sort(negative), thresholds, "left")
    fnr = missed / len(positive)
    fpr = np.append(passed, 0) / len(negative)
    gap = fnr - fpr  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    if gap[after] == 0 or after == 0:
        return float((fnr[after] + fpr[after]) / 2)
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    return float(fnr[before] + share * (fnr[after] - fnr[before]))


def _split(scores: ArrayLike, male: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, labels = np.asarray(scores, np.float64), np.asarray(male)
    if values.ndim != 1 or values.shape != labels.shape:
        raise OptionError(
            f"scores: got shapes {values.shape} and {labels.shape}; expected two equal (N,) arrays"
        )
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise OptionError(f"scores: {bad} of {len(values)} are not finite; check the judge")
    positive = labels.astype(bool)
    if not positive.any() or positive.all():
        raise OptionError(
            f"labels: {int(positive.sum())} male of {len(values)}; expected both genders"
        )
    return values[positive], values[~positive]
