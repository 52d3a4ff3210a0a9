"""Bootstrap over people: draws, percentiles, and the interval of any statistic.

Photos of one person are not independent, so people are resampled with replacement, each with all
their photos: a person drawn k times counts with weight k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.types import Float64Array

REPEATS = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


def weights(identity: ArrayLike, repeats: int, seed: int) -> Float64Array:
    """How often each row counts in each repeat.

    Args:
        identity: (N,) who is shown; at least two people.
        repeats: number of repeats R.
        seed: decides the draws.

    Returns:
        (R, N): for a row, how often its person was drawn.

    Raises:
        OptionError: if there is only one person or no repeat.
    """
    people, rows = np.unique(np.asarray(identity), return_inverse=True)
    if len(people) < 2:
        raise OptionError(f"identities: got {len(people)}; expected two people or more")
    if repeats < 1:
        raise OptionError(f"repeats: got {repeats}; expected 1 or more")
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(people), np.full(len(people), 1 / len(people)), repeats)
    return drawn[:, rows].astype(np.float64)


def percentile(values: ArrayLike, level: float = LEVEL) -> Interval:
    """The middle ``level`` of bootstrap values; undefined ones (NaN) are left out.

    Raises:
        OptionError: if fewer than half of the values are defined, or the level is not in (0, 1).
    """
    if not 0 < level < 1:
        raise OptionError(f"level: got {level}; expected a share between 0 and 1")
    array = np.asarray(values, np.float64)
    defined = array[np.isfinite(array)]
    if len(defined) < max(1, len(array) / 2):
        raise OptionError(
            f"bootstrap: {len(array) - len(defined)} of {len(array)} repeats are undefined; too "
            "few people of one class"
        )
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    identity: ArrayLike,
    *,
    repeats: int = REPEATS,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Interval of any statistic.

    Args:
        statistic: takes row numbers (with repetitions), returns a number; a repeat for which it
            raises OptionError (an empty class) is left out.
        identity: (N,) who is shown.
        repeats: number of repeats.
        level: share of the repeats within the interval.
        seed: decides the draws.

    Raises:
        OptionError: if there is one person only, or most repeats are undefined.
    """
    values = []
    for counts in weights(identity, repeats, seed):
        rows = np.repeat(np.arange(len(counts)), counts.astype(np.int64))
        try:
            values.append(statistic(rows))
        except OptionError:
            values.append(float("nan"))
    return percentile(values, level)


def by_group(
    groups: ArrayLike, statistic: Callable[[NDArray[np.int64]], float], *, least: int = 1
) -> dict[str, float | None]:
    """A statistic of each group.

    Args:
        groups: (N,) the group of each row, of any kind.
        statistic: takes the row numbers of a group, returns a number.
        least: groups of fewer rows are left out.

    Returns:
        Group to value, in the order of ``np.unique``; None where the statistic raises OptionError,
        as where a group holds one gender only.
    """
    labels = np.asarray(groups)
    found: dict[str, float | None] = {}
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < least:
            continue
        try:
            found[str(label)] = float(statistic(rows))
        except OptionError:
            found[str(label)] = None
    return found
