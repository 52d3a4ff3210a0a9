"""Bootstrap confidence intervals over identities.

People are resampled, not photos (:mod:`.bootstrap`). Weighted forms of AUC, EER and TMR make a
thousand repeats cheap, since nothing is sorted again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.bootstrap import (
    LEVEL,
    REPEATS,
    Interval,
    bootstrap_interval,
    by_group,
    percentile,
    weights,
)
from faceveil.evaluation.metrics.pairs import blocks, highest_impostors, impostor_pairs
from faceveil.evaluation.metrics.weighted import weighted_auc, weighted_eer
from faceveil.inference.thresholds import enough_impostors
from faceveil.types import Float32Array, Float64Array

__all__ = [
    "LEVEL",
    "REPEATS",
    "Interval",
    "bootstrap_interval",
    "by_group",
    "percentile",
    "tmr_interval",
    "weighted_auc",
    "weighted_eer",
    "weights",
]


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
