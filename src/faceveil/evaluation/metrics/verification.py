"""How well scores tell same from different people: pure functions of scores."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.gender import equal_error_rate
from faceveil.types import Float32Array


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


def _finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    scores = np.asarray(values, np.float64).ravel()
    if len(scores) == 0:
        raise OptionError(f"{name} scores: got none; expected at least one pair")
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise OptionError(f"{name} scores: {bad} of {len(scores)} are not finite; check the judge")
    return scores
