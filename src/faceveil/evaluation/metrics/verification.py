"""How well a face matcher still tells people apart: pure functions of similarities.

Similarity is higher for the same person. A pair matches when its similarity is at or above the
threshold.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from faceveil.errors import OptionError
from faceveil.evaluation.metrics._roc import checked_scores, equal_error_rate
from faceveil.types import Float32Array, Float64Array


def pairs_needed(fmr: float) -> int:
    """The fewest impostor pairs that give a false match rate meaning: 10 / fmr.

    Args:
        fmr: false match rate in (0, 1).

    Raises:
        OptionError: if ``fmr`` is not in (0, 1).
    """
    if not 0 < fmr < 1:
        raise OptionError(f"fmr: got {fmr}; expected a rate between 0 and 1, such as 0.001")
    return math.ceil(10 / fmr - 1e-9)


def threshold_at_fmr(impostor: ArrayLike, fmr: float) -> float:
    """The lowest threshold at which at most a share ``fmr`` of impostor pairs match.

    It is the (1 - fmr) quantile of the impostor similarities, taken at a measured value; where
    ties there would let more impostors through, just above it.

    Args:
        impostor: (I,) similarities of different people, I >= 10 / fmr.
        fmr: false match rate in (0, 1).

    Raises:
        OptionError: if there are too few pairs (it names the number), or a value is not finite.
    """
    needed = pairs_needed(fmr)
    ordered = np.sort(checked_scores(impostor, "impostor similarities"))
    if ordered.size < needed:
        raise OptionError(
            f"impostor pairs: got {ordered.size}; a false match rate of {fmr:g} needs at least "
            f"{needed}; add people or ask for a higher rate"
        )
    allowed = math.floor(fmr * ordered.size + 1e-9)
    threshold = float(ordered[ordered.size - allowed])
    accepted = ordered.size - int(np.searchsorted(ordered, threshold, side="left"))
    return threshold if accepted <= allowed else float(np.nextafter(threshold, np.inf))


def tmr_at_fmr(genuine: ArrayLike, impostor: ArrayLike, fmr: float) -> float:
    """True match rate in [0, 1] at a false match rate.

    Args:
        genuine: (G,) similarities of two pictures of one person, G >= 1.
        impostor: (I,) similarities of different people, I >= 10 / fmr.
        fmr: false match rate in (0, 1).

    Raises:
        OptionError: if there are too few pairs (it names the number), or a value is not finite.
    """
    same = checked_scores(genuine, "genuine similarities")
    return float(np.mean(same >= threshold_at_fmr(impostor, fmr)))


def eer(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Equal error rate in [0, 1]: false matches as frequent as false non-matches.

    Args:
        genuine: (G,) similarities of two pictures of one person, G >= 1.
        impostor: (I,) similarities of different people, I >= 1.

    Raises:
        OptionError: if a side is empty or a value is not finite.
    """
    return equal_error_rate(
        checked_scores(genuine, "genuine similarities"),
        checked_scores(impostor, "impostor similarities"),
    )


def pair_scores(
    probe: Float32Array, gallery: Float32Array, identities: ArrayLike
) -> tuple[Float64Array, Float64Array]:
    """Cosine similarities of every probe i with every gallery picture j, i != j.

    Row i of both sides comes from one picture (original and protected), so a picture is never
    compared with itself.

    Args:
        probe: (N, D) unit embeddings, of the originals.
        gallery: (N, D) unit embeddings, of the protected pictures.
        identities: (N,) who is shown.

    Returns:
        genuine (G,) and impostor (I,) similarities, float64, G + I = N (N - 1).

    Raises:
        OptionError: if shapes differ, a value is not finite, or nobody is shown twice.
    """
    people = np.asarray(identities)
    if probe.ndim != 2 or probe.shape != gallery.shape or people.shape != probe.shape[:1]:
        raise OptionError(
            f"embeddings: got {probe.shape}, {gallery.shape} and identities {people.shape}; "
            "expected (N, D), (N, D) and (N,)"
        )
    if not (np.isfinite(probe).all() and np.isfinite(gallery).all()):
        raise OptionError(
            "embeddings: some are NaN or infinite; expected finite values; "
            "find the picture that broke the matcher"
        )
    _, codes = np.unique(people, return_inverse=True)
    same = codes[:, None] == codes[None, :]
    different = ~same
    np.fill_diagonal(same, False)
    if not same.any() or not different.any():
        raise OptionError(
            f"identities: got {codes.max(initial=-1) + 1} people in {people.size} pictures; "
            "expected two people or more, one of them shown twice; choose more pictures"
        )
    similarity = (probe @ gallery.T).astype(np.float64)
    return similarity[same], similarity[different]
