"""How well scores tell same from different people: pure functions of scores."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.gender import equal_error_rate
from faceveil.types import Float32Array

Pairing = Literal["original-protected", "protected-protected", "original-original"]
PAIRINGS: tuple[Pairing, ...] = get_args(Pairing)


def threshold_at_fmr(impostor: ArrayLike, fmr: float) -> float:
    """The (1 - fmr) quantile of the impostor scores; above it where ties let more than fmr pass.

    Args:
        impostor: (N,) scores of different people; N >= 10 / fmr.
        fmr: false match rate in (0, 1).

    Raises:
        OptionError: if there are too few scores, or one is not finite.
    """
    scores = _finite(impostor, "impostor")
    if not 0 < fmr < 1:
        raise OptionError(f"fmr: got {fmr}; expected a rate between 0 and 1")
    needed = math.ceil(10 / fmr - 1e-9)
    if len(scores) < needed:
        raise OptionError(
            f"impostor pairs: got {len(scores):,}; FMR {fmr:g} needs {needed:,}; use more people"
        )
    threshold = float(np.quantile(scores, 1 - fmr))
    # Ties at the quantile (a matcher that gives few values) would let more impostors through.
    while (scores >= threshold).sum() > fmr * len(scores) + 1e-9:
        above = scores[scores > threshold]
        threshold = float(np.min(above)) if len(above) else float(np.nextafter(threshold, np.inf))
    return threshold


def tmr_at_fmr(genuine: ArrayLike, impostor: ArrayLike, fmr: float) -> float:
    """True match rate: the share of genuine scores at or above :func:`threshold_at_fmr`."""
    scores = _finite(genuine, "genuine")
    return float((scores >= threshold_at_fmr(impostor, fmr)).mean())


def verification_eer(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Equal error rate of verification: where FMR and FNMR meet."""
    return equal_error_rate(_finite(genuine, "genuine"), _finite(impostor, "impostor"))


def pair_scores(
    probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64]
) -> tuple[Float32Array, Float32Array]:
    """Cosines of all pairs of different images.

    Args:
        probe: (N, D) unit embeddings, of originals for the original-protected pairing.
        gallery: (N, D) unit embeddings of the same images, of the protected ones.
        identity: (N,) who is on each image.

    Returns:
        Genuine and impostor scores. An image is never compared with itself or its own protected
        version.
    """
    scores = probe @ gallery.T
    same = identity[:, None] == identity[None]
    other = ~np.eye(len(identity), dtype=bool)
    return scores[same & other], scores[~same]


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


def rank1(probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64]) -> float:
    """Rank-1 identification rate of a closed set.

    Each probe looks for its nearest other image in the gallery; people with one image are left out.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (N, D) unit embeddings of the same images.
        identity: (N,) codes of who is shown.

    Raises:
        OptionError: if nobody has two images.
    """
    rows = np.flatnonzero(np.bincount(identity)[identity] > 1)
    if len(rows) == 0:
        raise OptionError("rank-1: nobody has two images; expected at least one person who does")
    hits = 0
    for block in np.array_split(rows, max(1, len(rows) // 512)):
        scores = probe[block] @ gallery.T
        scores[np.arange(len(block)), block] = -np.inf
        hits += int((identity[scores.argmax(axis=1)] == identity[block]).sum())
    return hits / len(rows)


def keras_score(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """The match score of the 2019 Keras re-implementation: 1 / (1 + ||x - x'||^2).

    Args:
        first: (N, D) descriptors.
        second: (N, D) descriptors of the images that they are compared with.

    Returns:
        (N,) in (0, 1].
    """
    distance = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    out: NDArray[np.float64] = 1 / (1 + (distance**2).sum(axis=1))
    return out


def lfw_accuracy(scores: ArrayLike, same: ArrayLike, fold: ArrayLike) -> tuple[float, float]:
    """The official LFW protocol (View 2): mean accuracy over folds, and its standard error.

    The threshold of each fold is the best one on all other folds.

    Args:
        scores: (N,) similarity of each pair.
        same: (N,) 1 where a pair shows one person.
        fold: (N,) the fold of each pair, at least two of them.

    Raises:
        OptionError: if a score is not finite or there is one fold only.
    """
    values, labels, folds = _finite(scores, "pair"), np.asarray(same).astype(bool), np.asarray(fold)
    names = np.unique(folds)
    if len(names) < 2:
        raise OptionError(f"folds: got {len(names)}; expected two or more (the protocol has ten)")
    accuracies = []
    for name in names:
        held = folds == name
        order = np.argsort(values[~held], kind="stable")
        s, y = values[~held][order], labels[~held][order]
        # Right decisions if everything from position k on counts as a match.
        right = np.concatenate([[0], np.cumsum(~y)]) + np.concatenate(
            [np.cumsum(y[::-1])[::-1], [0]]
        )
        k = int(right.argmax())
        low = s[k - 1] if k > 0 else s[0] - 1
        high = s[k] if k < len(s) else s[-1] + 1
        accuracies.append(((values[held] >= (low + high) / 2) == labels[held]).mean())
    spread = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return float(np.mean(accuracies)), float(spread)


def _finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    scores = np.asarray(values, np.float64).ravel()
    if len(scores) == 0:
        raise OptionError(f"{name} scores: got none; expected at least one pair")
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise OptionError(f"{name} scores: {bad} of {len(scores)} are not finite; check the judge")
    return scores
