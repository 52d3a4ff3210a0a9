"""Checks that several metrics share."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError


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
