"""How well a gender judge separates men from women: pure functions of scores and labels.

Scores are P(male) in [0, 1] (any monotone score works for AUC and EER); male is the positive
class. A judge that is always wrong is as revealing as one that is always right, because 1 - p
undoes a flip: :func:`privacy_gap` is the figure that says how much is left to read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from faceveil.errors import OptionError
from faceveil.evaluation.metrics._roc import checked_scores, equal_error_rate, rank_auc
from faceveil.types import Float64Array


def auc(scores: ArrayLike, male: ArrayLike) -> float:
    """Area under the ROC curve: P(man's score > woman's) + P(equal) / 2, in [0, 1].

    Args:
        scores: (N,) P(male).
        male: (N,) 1 or True for men, 0 or False for women; both must occur.

    Raises:
        OptionError: if a score is not finite, a class is empty, or the lengths differ.
    """
    men, women = _by_gender(scores, male)
    return rank_auc(men, women)


def eer(scores: ArrayLike, male: ArrayLike) -> float:
    """Equal error rate in [0, 1]: as many men read as women as women read as men.

    Above 0.5 the judge reads the opposite gender more often than not.

    Args:
        scores: (N,) P(male).
        male: (N,) 1 or True for men, 0 or False for women; both must occur.

    Raises:
        OptionError: if a score is not finite, a class is empty, or the lengths differ.
    """
    men, women = _by_gender(scores, male)
    return equal_error_rate(men, women)


def error_rate(scores: ArrayLike, male: ArrayLike, threshold: float = 0.5) -> float:
    """Share of people read wrongly when a score at or above ``threshold`` reads male: [0, 1].

    Args:
        scores: (N,) P(male).
        male: (N,) 1 or True for men, 0 or False for women; both must occur.
        threshold: the decision threshold on P(male).

    Raises:
        OptionError: if a score is not finite, a class is empty, or the lengths differ.
    """
    men, women = _by_gender(scores, male)
    wrong = np.count_nonzero(men < threshold) + np.count_nonzero(women >= threshold)
    return float(wrong / (men.size + women.size))


def balanced_accuracy(scores: ArrayLike, male: ArrayLike, threshold: float = 0.5) -> float:
    """Mean of the share of men read male and the share of women read female: [0, 1].

    Args:
        scores: (N,) P(male).
        male: (N,) 1 or True for men, 0 or False for women; both must occur.
        threshold: a score at or above it reads male.

    Raises:
        OptionError: if a score is not finite, a class is empty, or the lengths differ.
    """
    men, women = _by_gender(scores, male)
    return float((np.mean(men >= threshold) + np.mean(women < threshold)) / 2)


def privacy_gap(scores: ArrayLike, male: ArrayLike) -> float:
    """|AUC - 0.5| in [0, 0.5]: 0 where the judge reads nothing; a clean flip gives 0.5 again.

    Args:
        scores: (N,) P(male).
        male: (N,) 1 or True for men, 0 or False for women; both must occur.

    Raises:
        OptionError: if a score is not finite, a class is empty, or the lengths differ.
    """
    return abs(auc(scores, male) - 0.5)


def _by_gender(scores: ArrayLike, male: ArrayLike) -> tuple[Float64Array, Float64Array]:
    values = checked_scores(scores, "gender scores")
    labels = np.asarray(male)
    if labels.shape != values.shape:
        raise OptionError(
            f"gender labels: got shape {labels.shape} for {values.size} scores; "
            "expected one label per score"
        )
    if not np.isin(labels, (0, 1)).all():
        raise OptionError("gender labels: got other values; expected 1 (male) or 0 (female)")
    is_male = labels.astype(bool)
    men, women = values[is_male], values[~is_male]
    if men.size == 0 or women.size == 0:
        raise OptionError(
            f"gender labels: got {men.size} men and {women.size} women; expected both; "
            "choose more people"
        )
    return men, women
