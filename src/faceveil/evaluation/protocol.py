"""The crop protocol of the papers: each judge sees the original and the protected crop.

Matchers compare an original probe with a protected gallery, never a picture with itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from faceveil.errors import OptionError
from faceveil.evaluation.measurement import GenderResult, MatcherResult, Measurement
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics.figures import figures
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.types import Float32Array, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What judges say about one set of N crops.

    Attributes:
        p_male: (N,) P(male) by name of the gender judge.
        embeddings: (N, D) unit embeddings by name of the matcher.
    """

    p_male: Mapping[str, Float32Array]
    embeddings: Mapping[str, Float32Array]


def as_rgb_crops(crops: Uint8Array) -> Uint8Array:
    """Canonical crops as judges take them: (N, 224, 224[, 3]) uint8 -> (N, 224, 224, 3).

    Raises:
        OptionError: if shape or type is another.
    """
    rgb = np.repeat(crops[..., None], 3, axis=3) if crops.ndim == 3 else crops
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[1:] != (CROP_SIZE, CROP_SIZE, 3):
        raise OptionError(
            f"crops: got {crops.dtype} {crops.shape}; expected uint8 (N, 224, 224) or "
            "(N, 224, 224, 3); for photos use check_photos"
        )
    return rgb


def read(
    crops: Uint8Array, gender_judges: Sequence[GenderJudge], matchers: Sequence[Matcher]
) -> Readings:
    """Let every judge look at every crop.

    Args:
        crops: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8 canonical crops.
        gender_judges: gender judges.
        matchers: face matchers.
    """
    rgb = as_rgb_crops(crops)
    return Readings(
        {judge.info.name: judge.p_male(rgb) for judge in gender_judges},
        {matcher.info.name: matcher.embed(rgb) for matcher in matchers},
    )


def compare(
    before: Readings,
    after: Readings,
    male: ArrayLike,
    identities: ArrayLike,
    mean_change: float,
    fmr: float = 1e-3,
) -> Measurement:
    """Figures from the readings of the same judges before and after.

    Args:
        before: readings of the originals.
        after: readings of the protected crops, in the same order.
        male: (N,) 1 for men, 0 for women.
        identities: (N,) who is shown.
        mean_change: mean absolute change in [0, 1].
        fmr: false match rate of the matchers' figures.

    Raises:
        OptionError: if a class is empty, a score is not finite, or pairs are too few for the FMR.
    """
    results = tuple(
        GenderResult(
            name,
            *(gender.auc(side.p_male[name], male) for side in (before, after)),
            *(gender.eer(side.p_male[name], male) for side in (before, after)),
        )
        for name in before.p_male
    )
    matches = tuple(
        _matcher_result(name, probe, after.embeddings[name], identities, fmr)
        for name, probe in before.embeddings.items()
    )
    people = np.asarray(identities)
    return Measurement(len(people), len(np.unique(people)), fmr, mean_change, results, matches)


def measure(
    original_crops: Uint8Array,
    protected_crops: Uint8Array,
    male: ArrayLike,
    identities: ArrayLike,
    gender_judges: Sequence[GenderJudge],
    matchers: Sequence[Matcher],
    fmr: float = 1e-3,
) -> Measurement:
    """Measure protected crops against their originals.

    Args:
        original_crops: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8 canonical crops.
        protected_crops: the same shape, in the same order.
        male: (N,) 1 for men, 0 for women.
        identities: (N,) who is shown; some people more than once.
        gender_judges: gender judges.
        matchers: face matchers.
        fmr: false match rate of the matchers' figures.

    Raises:
        OptionError: if shapes differ, a class is empty, a score is not finite, or there are too
            few impostor pairs for the FMR.
    """
    change = mean_absolute_change(original_crops, protected_crops)
    before = read(original_crops, gender_judges, matchers)
    after = read(protected_crops, gender_judges, matchers)
    return compare(before, after, male, identities, change, fmr)


def _matcher_result(
    name: str, probe: Float32Array, gallery: Float32Array, identities: ArrayLike, fmr: float
) -> MatcherResult:
    people = np.unique(np.asarray(identities), return_inverse=True)[1].astype(np.int64)
    before = figures(probe, probe, people, (fmr,))
    after = figures(probe, gallery, people, (fmr,))
    return MatcherResult(
        matcher=name,
        tmr_before=before.tmr[0],
        tmr_after=after.tmr[0],
        tmr_after_fixed=float(np.mean(after.scores >= before.thresholds[0])),
        eer_before=before.eer,
        eer_after=after.eer,
    )
