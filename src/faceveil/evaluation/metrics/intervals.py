"""Bootstrap confidence intervals over identities.

Photos of one person are not independent, so people are resampled with replacement, each with all
their photos: a person drawn k times counts with weight k. Weighted forms of AUC, EER and TMR make a
thousand repeats cheap, since nothing is sorted again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.types import Float32Array, Float64Array

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
        OptionError: if there is only one person.
    """
    people, rows = np.unique(np.asarray(identity), return_inverse=True)
    if len(people) < 2:
        raise OptionError(f"identities: got {len(people)}; expected two people or more")
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(people), np.full(len(people), 1 / len(people)), repeats)
    return drawn[:, rows].astype(np.float64)


def percentile(values: ArrayLike, level: float = LEVEL) -> Interval:
    """The middle ``level`` of bootstrap values; undefined ones (NaN) are left out.

    Raises:
        OptionError: if fewer than half of the values are defined.
    """
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


def weighted_auc(scores: ArrayLike, male: ArrayLike, w: Float64Array) -> Float64Array:
    """AUC of each repeat: (N,), (N,), (R, N) -> (R,); NaN where a class has no weight."""
    men, women = _by_value(scores, male, w)
    below = np.cumsum(women, axis=1) - women
    with np.errstate(invalid="ignore"):
        total = men.sum(axis=1) * women.sum(axis=1)
        values: Float64Array = (men * (below + women / 2)).sum(axis=1) / total
    return values


def weighted_eer(scores: ArrayLike, male: ArrayLike, w: Float64Array) -> Float64Array:
    """EER of each repeat, as :func:`faceveil.evaluation.metrics.gender.eer`: -> (R,)."""
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


def tmr_interval(
    probe: Float32Array,
    gallery: Float32Array,
    identity: NDArray[np.int64],
    fmr: float,
    *,
    repeats: int = 200,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Interval of TMR at an FMR, the threshold found anew in each repeat.

    A genuine pair counts as often as its person was drawn, an impostor pair as often as the product
    of its two people's counts. Only the highest impostor scores decide the threshold, so only they
    are kept.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (N, D) unit embeddings of the same images; see ``pair_scores``.
        identity: (N,) codes of who is shown.
        fmr: false match rate.
        repeats: number of repeats.
        level: share of the repeats within the interval.
        seed: decides the draws.
    """
    w = weights(identity, repeats, seed)
    scores = probe @ gallery.T
    same = identity[:, None] == identity[None]
    rows, columns = np.nonzero(same & ~np.eye(len(identity), dtype=bool))
    genuine = scores[rows, columns]
    impostor = np.where(same, -np.inf, scores).ravel()
    kept = min(int((~same).sum()), int(np.ceil(8 * fmr * (~same).sum())) + 10)
    top = np.argpartition(impostor, -kept)[-kept:]
    top = top[np.argsort(-impostor[top], kind="stable")]
    first, second = np.divmod(top, len(identity))
    people = np.unique(identity, return_index=True)[1]
    sizes = np.bincount(identity)[identity[people]]
    values = []
    for counts in w:
        each = counts[people] * sizes
        allowed = fmr * (each.sum() ** 2 - (each**2).sum())
        passed = np.cumsum(counts[first] * counts[second])
        index = int(np.searchsorted(passed, allowed, "right"))
        threshold = impostor[top[min(index, kept - 1)]]  # the first score that may not pass
        weight = counts[rows]
        values.append((weight * (genuine > threshold)).sum() / weight.sum())
    return percentile(values, level)


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
