"""How well scores tell same from different people: pure functions of scores."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.gender import RocCurve, equal_error_rate, roc_of
from faceveil.evaluation.metrics.identification import rank1
from faceveil.evaluation.metrics.lfw_protocol import keras_pair_scores, keras_score, lfw_accuracy
from faceveil.evaluation.metrics.pairs import blocks
from faceveil.inference.thresholds import (
    finite_scores,
    may_pass,
    threshold_at_fmr,
    threshold_of_highest,
)
from faceveil.types import Float32Array

__all__ = [
    "PAIRINGS",
    "Pairing",
    "keras_pair_scores",
    "keras_score",
    "lfw_accuracy",
    "may_pass",
    "pair_scores",
    "pairing",
    "rank1",
    "threshold_at_fmr",
    "threshold_of_highest",
    "tmr_at_fmr",
    "verification_eer",
    "verification_roc",
]

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


def pair_scores(
    probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64]
) -> tuple[Float32Array, Float32Array]:
    """Cosines of all pairs of different images; :func:`.matching.match` where they are too many.

    Args:
        probe: (N, D) unit embeddings, of originals for the original-protected pairing.
        gallery: (N, D) unit embeddings of the same images, of the protected ones.
        identity: (N,) who is on each image.

    Returns:
        Genuine and impostor scores. An image is never compared with itself or its own protected
        version. Where probe and gallery are one array, a pair and its mirror count once.

    Raises:
        OptionError: if the shapes do not fit.
    """
    genuine, impostor = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    for block in blocks(probe, gallery, identity):
        genuine.append(block.scores[block.genuine])
        impostor.append(block.scores[block.impostor])
    return np.concatenate(genuine), np.concatenate(impostor)


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
