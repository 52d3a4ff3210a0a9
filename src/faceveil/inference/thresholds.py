"""The threshold of a matcher at a false match rate: what evaluation and training both ask for."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError


def threshold_at_fmr(impostor: ArrayLike, fmr: float) -> float:
    """The smallest impostor score from which on no more than that rate of impostors pass.

    A score passes where it is at or above the threshold. Nothing is interpolated: equal scores pass
    or fail together, and a looser rate never gives a higher threshold. Where the highest scores
    are so often the same that none of them may pass, the threshold lies just above them.

    Args:
        impostor: (N,) scores of different people; N >= 10 / fmr.
        fmr: false match rate in (0, 1).

    Raises:
        OptionError: if there are too few scores, or one is not finite.
    """
    scores = finite_scores(impostor, "impostor")
    enough_impostors(len(scores), fmr)
    kept = min(len(scores), may_pass(len(scores), fmr) + 1)
    highest = np.sort(np.partition(scores, len(scores) - kept)[len(scores) - kept :])[::-1]
    return threshold_of_highest(highest, len(scores), fmr)


def threshold_of_highest(highest: NDArray[np.floating], total: int, fmr: float) -> float:
    """:func:`threshold_at_fmr` where only the highest impostor scores are at hand.

    Args:
        highest: (K,) the highest scores, falling; K > :func:`may_pass`, or all.
        total: number of impostor pairs.
        fmr: false match rate in (0, 1]; where all may pass, the threshold is minus infinity.
    """
    allowed = may_pass(total, fmr)
    if allowed >= total:
        return -math.inf
    refused = float(highest[allowed])  # the highest score that must not pass
    above = int(np.searchsorted(-highest, -refused, "left"))
    return float(highest[above - 1]) if above else math.nextafter(refused, math.inf)


def may_pass(total: int, fmr: float) -> int:
    """How many of so many impostors pass at most: the largest n with n / total <= fmr.

    Args:
        total: number of impostor pairs, 1 or more.
        fmr: false match rate in [0, 1].
    """
    passing = math.floor(fmr * total)  # by rounding, one too many or too few
    if passing / total > fmr:
        return passing - 1
    return passing + 1 if (passing + 1) / total <= fmr else passing


def finite_scores(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Scores as a flat float64 array.

    Args:
        values: any number of scores, at least one.
        name: what they are, for the message.

    Raises:
        OptionError: if there is none or one is not finite.
    """
    scores = np.asarray(values, np.float64).ravel()
    if len(scores) == 0:
        raise OptionError(f"{name} scores: got none; expected at least one pair")
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise OptionError(f"{name} scores: {bad} of {len(scores)} are not finite; check the judge")
    return scores


def enough_impostors(pairs: int, fmr: float) -> None:
    """Refuse a false match rate that so few impostor pairs cannot measure: 10 / fmr are needed.

    Raises:
        OptionError: if there are fewer, or the rate is not between 0 and 1.
    """
    if not 0 < fmr < 1:
        raise OptionError(f"fmr: got {fmr}; expected a rate between 0 and 1")
    needed = math.ceil(10 / fmr - 1e-9)
    if pairs < needed:
        raise OptionError(
            f"impostor pairs: got {pairs:,}; FMR {fmr:g} needs {needed:,}; use more people"
        )
