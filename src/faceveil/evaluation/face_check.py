"""Did it work on these faces? Canonical crops before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.quality import psnr, ssim
from faceveil.evaluation.verdict import GenderReading, is_hidden, verdict
from faceveil.imaging.crop import luma
from faceveil.judges.base import GenderJudge, Matcher, as_rgb_crops, read
from faceveil.judges.onnx_judge import OnnxMatcher
from faceveil.types import Uint8Array


@dataclass(frozen=True, slots=True)
class FaceCheck:
    """One face before and after.

    Attributes:
        p_male_before: P(male) in [0, 1] of the original, mean over the gender judges.
        p_male_after: likewise of the protected face.
        similarity: cosine similarity of the original and the protected face.
        threshold: similarity from which the matcher accepts a pair, at FMR 0.1 %.
        match: whether it still accepts the pair.
        psnr: in dB, over the luma of the canonical crop; None where nothing changed (infinite).
        ssim: over the luma of the canonical crop, at most 1.
        verdict: what this means, in plain English.
        hidden: whether every gender judge is hidden from; see
            :func:`faceveil.evaluation.verdict.is_hidden`.
        readings: what each gender judge says.
        as_drawn: whether the face was changed, and every judge now reads what this machine's key
            drew for it; whether that is the truth is not said.
    """

    p_male_before: float
    p_male_after: float
    similarity: float
    threshold: float
    match: bool
    psnr: float | None
    ssim: float
    verdict: str
    hidden: bool
    readings: tuple[GenderReading, ...]
    as_drawn: bool = False

    @property
    def passed(self) -> bool:
        """Whether the gender is hidden, or reads as drawn, and the matcher accepts the pair."""
        return (self.hidden or self.as_drawn) and self.match

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "passed": self.passed}


def check_faces(
    original: Uint8Array,
    protected: Uint8Array,
    judges: Sequence[GenderJudge],
    matcher: Matcher,
    threshold: float | None = None,
    drawn: Sequence[float] | None = None,
) -> tuple[FaceCheck, ...]:
    """Check canonical crops.

    Args:
        original: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8.
        protected: the same shape, in the same order.
        judges: gender judges, at least one.
        matcher: the face matcher.
        threshold: cosine similarity at FMR 0.1 %; the matcher's card's where None.
        drawn: (N,) what the key drew for each face, 1 male, 0 female; None where there is no key.

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
        changed = bool((before[i] != after[i]).any())
        as_drawn = (
            drawn is not None
            and changed
            and all((r.after >= 0.5) == (drawn[i] > 0.5) for r in readings)
        )
        checks.append(
            FaceCheck(
                p_male_before=float(np.mean([r.before for r in readings])),
                p_male_after=float(np.mean([r.after for r in readings])),
                similarity=similarity,
                threshold=limit,
                match=similarity >= limit,
                psnr=finite_or_none(psnr(*levels)),
                ssim=ssim(*levels),
                verdict=verdict(readings, similarity, limit, as_drawn=as_drawn),
                hidden=all(is_hidden(r.before, r.after) for r in readings),
                readings=readings,
                as_drawn=as_drawn,
            )
        )
    return tuple(checks)


def grey_levels(rgb: Uint8Array) -> Uint8Array:
    """BT.601 luma as the nearest of 256 levels: (..., 3) uint8 RGB -> (...) uint8."""
    return np.rint(luma(rgb) * 255).astype(np.uint8)


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
