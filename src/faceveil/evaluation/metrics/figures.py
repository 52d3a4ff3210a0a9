"""A matcher's figures by the way that the number of images asks for: all scores, or few at a time.

All scores of N images are N x N numbers, sorted and copied a few times: 3 GB at 10,000 images. The
other way (:mod:`.matching`) holds few of them and gives the same numbers, but goes through the
pairs three times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import verification
from faceveil.evaluation.metrics.matching import Matching, match
from faceveil.evaluation.metrics.pairs import blocks
from faceveil.types import Float32Array, Float64Array

MOST_IMAGES = 6_000
"""Of more images not all scores are held at once."""

CURVE_POINTS = 60


def figures(
    probe: Float32Array,
    gallery: Float32Array,
    identity: NDArray[np.int64],
    fmrs: tuple[float, ...],
    most: int | None = None,
) -> Matching:
    """TMR at several FMRs, EER and the ROC curve.

    Args:
        probe: (N, D) unit embeddings; see :func:`~.verification.pairing` for which.
        gallery: (N, D) unit embeddings of the same images.
        identity: (N,) who is on each image.
        fmrs: false match rates in (0, 1).
        most: images of which all scores are held; :data:`MOST_IMAGES` where None.

    Raises:
        OptionError: if there are too few impostor pairs for a rate, no pair of a kind, or an
            embedding is not finite.
    """
    if len(identity) > (MOST_IMAGES if most is None else most):
        return match(probe, gallery, identity, fmrs)
    genuine, impostor = verification.pair_scores(probe, gallery, identity)
    thresholds = tuple(verification.threshold_at_fmr(impostor, fmr) for fmr in fmrs)
    falling = np.sort(impostor)[::-1]
    eer = verification.verification_eer(genuine, impostor)
    rates: Float64Array = np.logspace(
        np.log10(min(1.0, max(10 / len(impostor), 1e-6))), 0, CURVE_POINTS
    )
    at = [verification.threshold_of_highest(falling, len(falling), rate) for rate in rates]
    found = np.asarray(genuine, np.float64)
    return Matching(
        tuple(float((found >= t).mean()) for t in thresholds),
        thresholds,
        eer,
        len(genuine),
        len(impostor),
        found,
        (rates, np.array([(genuine >= t).mean() for t in at])),
    )


def genuine_scores(
    probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64]
) -> Float64Array:
    """The scores of one person's different images only: (G,); no impostor score is kept.

    Raises:
        OptionError: if the three do not fit.
    """
    found = [b.scores[b.genuine] for b in blocks(probe, gallery, identity)]
    if not found:
        raise OptionError("genuine scores: got no image; expected one or more")
    return np.concatenate(found).astype(np.float64)
