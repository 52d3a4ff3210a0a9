"""How well a matcher tells same from different people: pure functions of scores, embeddings."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.gender import RocCurve, equal_error_rate, roc_of
from faceveil.evaluation.metrics.pairs import BLOCK_SCORES
from faceveil.types import Float32Array

Pairing = Literal["original-protected", "protected-protected", "original-original"]
PAIRINGS: tuple[Pairing, ...] = get_args(Pairing)


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


def tmr_at_fmr(genuine: ArrayLike, impostor: ArrayLike, fmr: float) -> float:
    """True match rate: the share of genuine scores at or above :func:`threshold_at_fmr`."""
    scores = finite_scores(genuine, "genuine")
    return float((scores >= threshold_at_fmr(impostor, fmr)).mean())


def verification_eer(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Equal error rate of verification: where FMR and FNMR meet."""
    return equal_error_rate(finite_scores(genuine, "genuine"), finite_scores(impostor, "impostor"))


def verification_roc(genuine: ArrayLike, impostor: ArrayLike) -> RocCurve:
    """ROC curve of verification: FMR is its ``fpr``, TMR its ``tpr``.

    One point per distinct score: for up to some millions of pairs.

    Raises:
        OptionError: if a side is empty or a score is not finite.
    """
    return roc_of(finite_scores(genuine, "genuine"), finite_scores(impostor, "impostor"))


def pairing(
    before: Float32Array, after: Float32Array, which: Pairing
) -> tuple[Float32Array, Float32Array]:
    """Probe and gallery of one of the three comparisons.

    Args:
        before: (N, D) unit embeddings of the originals.
        after: (N, D) unit embeddings of the protected faces.
        which: ``original-protected`` (FlowSAN's, and the default everywhere here),
            ``protected-protected`` or ``original-original``.

    Raises:
        OptionError: if it is none of these.
    """
    if which not in PAIRINGS:
        raise OptionError(f"pairing: got {which!r}; expected one of {', '.join(PAIRINGS)}")
    probe = after if which == "protected-protected" else before
    return probe, before if which == "original-original" else after


def rank1(probe: Float32Array, gallery: Float32Array, identity: ArrayLike) -> float:
    """Rank-1 identification rate of a closed set.

    Each probe looks for its nearest other picture in the gallery; a tie with another person is a
    miss. Probes whose person has no other picture there are left out.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (N, D) unit embeddings of the same images.
        identity: (N,) who is on each image.

    Raises:
        OptionError: if shapes do not fit, an embedding is not finite, or nobody has another
            picture.
    """
    names = np.asarray(identity)
    if names.shape != (len(probe),) or probe.shape != gallery.shape:
        raise OptionError(
            f"rank-1: got {probe.shape} probes, {gallery.shape} gallery images and identities "
            f"{names.shape}; expected one identity per image"
        )
    if not (np.isfinite(probe).all() and np.isfinite(gallery).all()):
        raise OptionError("rank-1: some embeddings are not finite; check the matcher")
    hits = tried = 0
    step = max(1, BLOCK_SCORES // max(len(gallery), 1))
    for start in range(0, len(probe), step):
        rows = np.arange(start, min(start + step, len(probe)))
        scores = probe[rows] @ gallery.T
        scores[rows - start, rows] = -np.inf
        same = names[rows, None] == names
        best = np.where(same, scores, -np.inf).max(axis=1, initial=-np.inf)
        rival = np.where(same, -np.inf, scores).max(axis=1, initial=-np.inf)
        tried += int((best > -np.inf).sum())
        hits += int((best > rival).sum())
    if tried == 0:
        raise OptionError("rank-1: nobody has two images; expected at least one person who does")
    return hits / tried


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
