"""A matcher's figures of a set of images, however many pairs they make: few scores are held.

The threshold at a low FMR needs only the highest impostor scores, and the EER only those near it;
10,000 images make a hundred million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.intervals import weighted_eer
from faceveil.evaluation.metrics.pairs import blocks, highest_impostors, impostor_pairs
from faceveil.inference.thresholds import (
    enough_impostors,
    finite_scores,
    may_pass,
    threshold_of_highest,
)
from faceveil.types import Float32Array, Float64Array

_BINS = 4096


@dataclass(frozen=True, slots=True)
class Matching:
    """How well a matcher tells same from different people.

    Attributes:
        tmr: true match rate at each FMR that was asked for, in [0, 1].
        thresholds: the score from which on two images match, one per FMR.
        eer: equal error rate in [0, 1].
        genuine: number of genuine pairs.
        impostors: number of impostor pairs.
        scores: (G,) genuine scores.
        curve: FMR, rising, and TMR of some thresholds, each in [0, 1].
    """

    tmr: tuple[float, ...]
    thresholds: tuple[float, ...]
    eer: float
    genuine: int
    impostors: int
    scores: Float64Array = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    curve: tuple[Float64Array, Float64Array] = field(
        default_factory=lambda: (np.empty(0), np.empty(0)), compare=False, repr=False
    )


def match(
    probe: Float32Array,
    gallery: Float32Array,
    identity: NDArray[np.int64],
    fmrs: Sequence[float] = (1e-2, 1e-3, 1e-4),
) -> Matching:
    """TMR at several FMRs, and EER, without holding the scores of all impostor pairs.

    Args:
        probe: (N, D) unit embeddings; see :func:`~faceveil.evaluation.metrics.verification.pairing`
            for which.
        gallery: (N, D) unit embeddings of the same images.
        identity: (N,) who is on each image.
        fmrs: false match rates; the highest impostor scores are held up to the largest of them.

    Raises:
        OptionError: if there are too few impostor pairs for one of them, no pair of a kind, or an
            embedding is not finite.
    """
    total = impostor_pairs(identity, probe is gallery)
    if total == 0:
        raise OptionError("impostor scores: got none; expected at least two people")
    for fmr in fmrs:
        enough_impostors(total, fmr)
    parts, coarse = [], np.zeros(_BINS, np.int64)
    for block in blocks(probe, gallery, identity):
        parts.append(block.scores[block.genuine])
        coarse += np.bincount(_bin(block.scores[block.impostor]), minlength=_BINS)
    genuine = finite_scores(np.concatenate(parts), "genuine")
    kept = max((may_pass(total, fmr) + 1 for fmr in fmrs), default=1)
    highest = highest_impostors(probe, gallery, identity, kept)[0].astype(np.float64)
    thresholds = tuple(threshold_of_highest(highest, total, fmr) for fmr in fmrs)
    tmr = tuple(float((genuine >= t).mean()) for t in thresholds)
    eer = _eer(probe, gallery, identity, genuine, coarse)
    return Matching(tmr, thresholds, eer, len(genuine), total, genuine, _curve(genuine, coarse))


def _curve(
    genuine: NDArray[np.float64], coarse: NDArray[np.int64]
) -> tuple[Float64Array, Float64Array]:
    """FMR and TMR at the lower edge of every bin, from the highest bin that holds an impostor."""
    own = np.bincount(_bin(genuine.astype(np.float32)), minlength=_BINS)
    fmr, tmr = (np.cumsum(x[::-1]) / x.sum() for x in (coarse, own))
    steps = np.flatnonzero(np.diff(fmr, prepend=0.0))  # where nothing is let in, a point says less
    return fmr[steps], tmr[steps]


def _eer(
    probe: Float32Array,
    gallery: Float32Array,
    identity: NDArray[np.int64],
    genuine: NDArray[np.float64],
    coarse: NDArray[np.int64],
) -> float:
    """EER from the scores of the one bin in which FNMR and FMR meet; the others only count."""
    bins = _bin(genuine.astype(np.float32))
    fnmr = np.cumsum(np.bincount(bins, minlength=_BINS)) / len(genuine)
    fmr = 1 - np.cumsum(coarse) / coarse.sum()
    crossing = int(np.argmax(fnmr - fmr >= 0))
    inside = []
    for block in blocks(probe, gallery, identity):
        scores = block.scores[block.impostor]
        inside.append(scores[_bin(scores) == crossing])
    near = np.concatenate(inside).astype(np.float64)
    # Every score below or above the bin stands for one value just outside of it.
    low, high = -np.inf, np.inf
    own = np.where(bins < crossing, low, np.where(bins > crossing, high, genuine))
    values = np.concatenate([own, near, [low, high]])
    same = np.concatenate([np.ones(len(own)), np.zeros(len(near) + 2)])
    counts = np.ones(len(values))
    counts[-2:] = coarse[:crossing].sum(), coarse[crossing + 1 :].sum()
    return float(weighted_eer(values, same, counts[None])[0])


def _bin(scores: Float32Array) -> NDArray[np.int64]:
    """Which of the bins over [-1, 1] a cosine falls into: never falls as the score rises."""
    bins: NDArray[np.int64] = np.clip((scores + 1) * (_BINS / 2), 0, _BINS - 1).astype(np.int64)
    return bins


@dataclass(frozen=True, slots=True)
class Rates:
    """Error rates at a given threshold.

    Attributes:
        fmr: share of impostor pairs that match, in [0, 1]; NaN where there is none.
        fnmr: share of genuine pairs that do not, in [0, 1]; NaN where there is none.
        impostors: number of impostor pairs.
        genuine: number of genuine pairs.
    """

    fmr: float
    fnmr: float
    impostors: int
    genuine: int


def rates_at(
    probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64], threshold: float
) -> Rates:
    """FMR and FNMR of some images at a threshold that was found elsewhere.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (N, D) unit embeddings of the same images.
        identity: (N,) who is on each image.
        threshold: the score from which on two images match.
    """
    counts = np.zeros(4, np.int64)
    for block in blocks(probe, gallery, identity):
        passed = block.scores >= threshold
        counts += [
            np.count_nonzero(mask)
            for mask in (
                block.impostor,
                block.impostor & passed,
                block.genuine,
                block.genuine & ~passed,
            )
        ]
    impostors, matched, genuine, missed = (int(c) for c in counts)
    fmr = matched / impostors if impostors else float("nan")
    return Rates(fmr, missed / genuine if genuine else float("nan"), impostors, genuine)
