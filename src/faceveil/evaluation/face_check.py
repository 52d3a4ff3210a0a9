"""Did it work on these faces? Canonical crops before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.quality import psnr, ssim
from faceveil.evaluation.verdict import (
    UNDECIDED,
    WORKED,
    GenderReading,
    Outcome,
    label,
    outcome,
    verdict,
    worst,
)
from faceveil.imaging.crop import grey_levels
from faceveil.judges.base import GenderJudge, Matcher, as_rgb_crops, read
from faceveil.judges.onnx_judge import OnnxMatcher
from faceveil.types import Uint8Array

UNCHANGED = 0.25
"""Mean change of luma, in levels of 256, below which a face counts as unchanged. Writing a JPEG
anew with its own tables alone changes a face by up to 0.1, the default at strength 0.2 by 0.7."""


@dataclass(frozen=True, slots=True)
class FaceCheck:
    """One face before and after.

    Attributes:
        outcome: what became of the gender, by the worst judge; see
            :func:`faceveil.evaluation.verdict.outcome`.
        p_male_before: P(male) in [0, 1] of the original, by the worst gender judge: the one that
            still reads most of what the face showed.
        p_male_after: likewise of the protected face, by the same judge.
        similarity: cosine similarity of the original and the protected face.
        threshold: similarity from which the matcher accepts a pair, at FMR 0.1 %.
        match: whether it still accepts the pair.
        psnr: in dB, over the luma of the canonical crop; None where nothing changed (infinite).
        ssim: over the luma of the canonical crop, at most 1.
        verdict: what this means, in plain English.
        readings: what each gender judge says.
    """

    outcome: Outcome
    p_male_before: float
    p_male_after: float
    similarity: float
    threshold: float
    match: bool
    psnr: float | None
    ssim: float
    verdict: str
    readings: tuple[GenderReading, ...]

    @property
    def passed(self) -> bool:
        """Whether it worked: no judge reads the gender, and the matcher accepts the pair."""
        return self.outcome in WORKED and self.match

    @property
    def label(self) -> str:
        """The verdict in a word or two."""
        return label(self.outcome, self.match)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "passed": self.passed,
            "label": self.label,
            **asdict(self),
            "undecided": list(UNDECIDED),
        }


def check_faces(
    original: Uint8Array,
    protected: Uint8Array,
    judges: Sequence[GenderJudge],
    matcher: Matcher,
    threshold: float | None = None,
    drawn: Sequence[float] | None = None,
    changed: Sequence[bool] | None = None,
) -> tuple[FaceCheck, ...]:
    """Check canonical crops.

    Args:
        original: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8.
        protected: the same shape, in the same order.
        judges: gender judges, at least one.
        matcher: the face matcher.
        threshold: cosine similarity at FMR 0.1 %; the matcher's card's where None.
        drawn: (N,) what the key drew for each face, 1 male, 0 female; None where targets were not
            random, or nobody knows the key.
        changed: (N,) whether each face was protected at all; None to tell by the pixels.

    Raises:
        OptionError: if shapes differ, there is no judge, or no threshold is known.
    """
    if original.shape != protected.shape:
        raise OptionError(
            f"crops: got {original.shape} and {protected.shape}; expected equal shapes; "
            "pass each original with its protected crop"
        )
    if not judges:
        raise OptionError("judges: got none; expected at least one gender judge")
    limit = _threshold(matcher, threshold)
    before, after = as_rgb_crops(original), as_rgb_crops(protected)
    if len(before) == 0:
        return ()
    old, new = (read(crops, judges, [matcher]) for crops in (before, after))
    name = matcher.info.name
    similar = (old.embeddings[name] * new.embeddings[name]).sum(axis=1)
    checks = []
    for i in range(len(before)):
        readings = tuple(
            GenderReading(judge, float(p[i]), float(new.p_male[judge][i]))
            for judge, p in old.p_male.items()
        )
        levels = [grey_levels(before[i]), grey_levels(after[i])]
        similarity = float(np.clip(similar[i], -1, 1))
        found = outcome(
            readings,
            changed=_changed(*levels) if changed is None else changed[i],
            drawn=None if drawn is None else drawn[i],
        )
        last = worst(readings)
        checks.append(
            FaceCheck(
                outcome=found,
                p_male_before=last.before,
                p_male_after=last.after,
                similarity=similarity,
                threshold=limit,
                match=similarity >= limit,
                psnr=finite_or_none(psnr(*levels)),
                ssim=ssim(*levels),
                verdict=verdict(readings, found, similarity, limit),
                readings=readings,
            )
        )
    return tuple(checks)


def _changed(before: Uint8Array, after: Uint8Array) -> bool:
    return bool(np.abs(before.astype(np.int16) - after).mean() >= UNCHANGED)


def finite_or_none(value: float) -> float | None:
    """None in place of an infinite value, which JSON cannot hold."""
    return value if np.isfinite(value) else None


def _threshold(matcher: Matcher, given: float | None) -> float:
    if given is None and isinstance(matcher, OnnxMatcher):
        given = matcher.threshold(1e-3)
    if given is None:
        raise OptionError(
            f"threshold: matcher {matcher.info.name} states none at FMR 0.1 %; "
            "expected a cosine similarity; pass threshold="
        )
    return float(given)
