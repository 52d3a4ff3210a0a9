"""The crop protocol of the papers, as the benchmarks tell it: each judge before and after.

Matchers compare an original probe with a protected gallery, never a picture with itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics.matching import match
from faceveil.evaluation.metrics.quality import mean_absolute_change
from faceveil.judges.base import GenderJudge, Matcher, Readings, read
from faceveil.types import Float32Array, Uint8Array


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
    before = match(probe, probe, people, (fmr,))
    after = match(probe, gallery, people, (fmr,))
    return MatcherResult(
        matcher=name,
        tmr_before=before.tmr[0],
        tmr_after=after.tmr[0],
        tmr_after_fixed=float(np.mean(after.scores >= before.thresholds[0])),
        eer_before=before.eer,
        eer_after=after.eer,
    )


def render_table(measurements: Mapping[str, Measurement]) -> str:
    """One row per judge, one column per protector: before, then after each of them.

    Args:
        measurements: by protector's name; all of the same crops and judges, at least one.

    Returns:
        A Markdown table with aligned columns, without a final newline.

    Raises:
        OptionError: if there is no measurement, or the judges differ.
    """
    runs = list(measurements.values())
    if not runs:
        raise OptionError("table: got no measurement; expected one or more; measure a protector")
    first = runs[0]
    judges = [[r.judge for r in m.gender] + [r.matcher for r in m.matchers] for m in runs]
    if any(names != judges[0] for names in judges):
        raise OptionError("table: measurements differ in their judges; measure with the same ones")
    header = [f"{first.images} images, {first.people} people", "original", *measurements]
    rows = [header]
    for i, judge in enumerate(first.gender):
        after = [f"{m.gender[i].auc_after:.3f}" for m in runs]
        rows.append([f"{judge.judge} AUC", f"{judge.auc_before:.3f}", *after])
    if first.gender:
        means = [np.mean([g.eer_after for g in m.gender]) for m in runs]
        before = np.mean([g.eer_before for g in first.gender])
        rows.append(["gender EER, mean", f"{before:.3f}", *(f"{x:.3f}" for x in means)])
    for i, matcher in enumerate(first.matchers):
        after = [f"{m.matchers[i].tmr_after:.3f}" for m in runs]
        name = f"{matcher.matcher} TMR @ FMR {first.fmr:g}"
        rows.append([name, f"{matcher.tmr_before:.3f}", *after])
    rows.append(["mean absolute change", "0.000", *(f"{m.mean_change:.3f}" for m in runs)])
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    lines = [
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |"
        for row in [rows[0], rule, *rows[1:]]
    ]
    return "\n".join(lines)
