"""Bootstrap confidence intervals over people.

Photos of one person are not independent, so people are resampled with replacement, each with all
their photos: a person drawn k times counts with weight k. The rows are sorted once; a repeat only
changes how often each counts, so a thousand repeats are cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.pairs import blocks, highest_impostors, impostor_pairs
from faceveil.inference.thresholds import enough_impostors
from faceveil.types import Float32Array, Float64Array

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

    A genuine pair counts as often as its person was drawn: two draws of one person are two people,
    who have no pair in common, so that no photo meets itself. An impostor pair counts as often as
    the product of its two people's counts: it depends on both, and weighting pairs one by one
    would make the interval too narrow. Only the highest impostor scores decide the threshold, so
    only they are kept, and more of them where a repeat needs more.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (N, D) unit embeddings of the same images; see ``pair_scores``.
        identity: (N,) who is shown.
        fmr: false match rate.
        repeats: number of repeats.
        level: share of the repeats within the interval.
        seed: decides the draws.

    Raises:
        OptionError: if there are too few impostor pairs for the FMR, no genuine pair, or most
            repeats are undefined.
    """
    mirrored = probe is gallery
    total = impostor_pairs(identity, mirrored)
    enough_impostors(total, fmr)
    w = weights(identity, repeats, seed)
    genuine, rows = _genuine(probe, gallery, identity)
    _, first, sizes = np.unique(identity, return_index=True, return_counts=True)
    each = w[:, first] * sizes  # (R, P) images of each person
    pairs = (each.sum(axis=1) ** 2 - (each**2).sum(axis=1)) / (2 if mirrored else 1)
    allowed = fmr * pairs * (1 + 1e-12)  # a whole number must not fall just below itself
    kept = min(total, int(np.ceil(8 * fmr * total)) + 10)
    top, one, other = highest_impostors(probe, gallery, identity, kept)
    values = []
    for counts, limit in zip(w, allowed, strict=True):
        weight = counts[rows]
        if limit <= 0 or not weight.any():
            values.append(float("nan"))
            continue
        passed = np.cumsum(counts[one] * counts[other])
        while passed[-1] <= limit:  # few people, of whom those with the highest scores were missed
            kept = min(total, 4 * kept)
            top, one, other = highest_impostors(probe, gallery, identity, kept)
            passed = np.cumsum(counts[one] * counts[other])
        threshold = _threshold(top, passed, limit)
        values.append(float((weight * (genuine >= threshold)).sum() / weight.sum()))
    return percentile(values, level)


def _threshold(top: Float32Array, passed: Float64Array, limit: float) -> float:
    """The lowest score that a repeat holds above the first that must not pass; just above if none.

    Args:
        top: (K,) the highest impostor scores, falling.
        passed: (K,) how many pairs pass from each of them on: the running sum of their weights.
        limit: how many may pass, fewer than all of ``passed``.
    """
    refused = float(top[int(np.searchsorted(passed, limit, "right"))])
    higher = int(np.searchsorted(-top, -refused, "left"))
    if higher == 0 or passed[higher - 1] == 0:
        return float(np.nextafter(refused, np.inf))
    # The running sum last rose at the lowest of them that was drawn.
    return float(top[int(np.searchsorted(passed[:higher], passed[higher - 1], "left"))])


def _genuine(
    probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64]
) -> tuple[Float64Array, NDArray[np.int64]]:
    """Genuine scores, and the row of the probe of each."""
    scores, rows = [], []
    for block in blocks(probe, gallery, identity):
        at, _ = np.nonzero(block.genuine)
        rows.append(at + block.start)
        scores.append(block.scores[block.genuine])
    found = np.concatenate(scores).astype(np.float64)
    if len(found) == 0:
        raise OptionError("genuine scores: got none; expected a person with two images")
    return found, np.concatenate(rows)
