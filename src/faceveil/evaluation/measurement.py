"""What a measurement of a protector is: figures per judge, before and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class GenderResult:
    """One gender judge before and after protection: AUC and EER, each in [0, 1]."""

    judge: str
    auc_before: float
    auc_after: float
    eer_before: float
    eer_after: float


@dataclass(frozen=True, slots=True)
class MatcherResult:
    """One matcher before (original-original) and after (original-protected).

    Attributes:
        tmr_before: true match rate in [0, 1] at the FMR, threshold from the same comparison.
        tmr_after: likewise of the protected gallery, threshold from its own impostors.
        tmr_after_fixed: at the threshold of the originals, as a matcher in use would decide.
    """

    matcher: str
    tmr_before: float
    tmr_after: float
    tmr_after_fixed: float
    eer_before: float
    eer_after: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """A protector on a set of crops.

    Attributes:
        images: number of crops.
        people: number of identities.
        fmr: false match rate of the matchers' figures.
        mean_change: mean absolute change over all pixels, in [0, 1] of full scale.
        gender: one result per gender judge.
        matchers: one result per matcher.
    """

    images: int
    people: int
    fmr: float
    mean_change: float
    gender: tuple[GenderResult, ...]
    matchers: tuple[MatcherResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, with the mean EER beside the judges'."""
        data = asdict(self)
        for when in ("before", "after"):
            values = [g[f"eer_{when}"] for g in data["gender"]]
            data[f"mean_gender_eer_{when}"] = float(np.mean(values)) if values else None
        return data
