"""How well a matcher tells same from different people: pure functions of scores, embeddings."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.gender import RocCurve, equal_error_rate, roc_of
from faceveil.evaluation.metrics.pairs import BLOCK_SCORES
from faceveil.inference.thresholds import finite_scores, threshold_at_fmr
from faceveil.types import Float32Array

Pairing = Literal["original-protected", "protected-protected", "original-original"]
PAIRINGS: tuple[Pairing, ...] = get_args(Pairing)


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
