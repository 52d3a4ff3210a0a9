"""What the judges' own answers come to: figures, intervals, groups and curves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import FaceVeilError
from faceveil.evaluation.case import Case
from faceveil.evaluation.metrics import gender, verification
from faceveil.evaluation.metrics.intervals import (
    percentile,
    tmr_interval,
    weighted_auc,
    weighted_eer,
)
from faceveil.evaluation.metrics.matching import match, rates_at
from faceveil.evaluation.metrics.pairs import impostor_pairs
from faceveil.evaluation.rows import Recorder
from faceveil.evaluation.sets import FaceSet
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.boxed import p_male
from faceveil.types import Float32Array

ZERO = "zero-effort"
"""The first adversary: a published classifier as it is. SAN, FlowSAN, Gender-AN stop here."""

LEAST_IN_GROUP = 30
"""Faces of either gender, or genuine pairs; below it a group's figures say nothing."""

MOST_KEPT = 2**23
"""Impostor scores that an interval may hold; where it needs more (FMR 1 % of 10,000 images and
over), the figure stands without one: that many images leave little doubt."""


def reading(case: Case, record: Recorder) -> None:
    """What each gender judge reads, as it is."""
    for judge in case.gender_judges:
        work = partial(_gender, case, record, judge)
        record.guarded("gender", judge.info.name, ZERO, work)


def matching(case: Case, record: Recorder) -> None:
    """What each matcher accepts, in the three pairings.

    A rate for which there are too few impostor pairs leaves a gap.
    """
    for matcher in case.matchers:
        record.guarded("matcher", matcher.info.name, "", partial(_matcher, case, record, matcher))


def _gender(case: Case, record: Recorder, judge: GenderJudge) -> None:
    name, male = judge.info.name, case.faces.male
    scores = p_male(judge, case.after, case.views)
    for metric, point, repeats in (
        ("AUC", gender.auc, weighted_auc),
        ("EER", gender.eer, weighted_eer),
    ):
        value = point(scores, male)
        span = percentile(repeats(scores, male, case.weights))
        record.add("gender", name, metric, value, adversary=ZERO, low=span.low, high=span.high)
    wrong = gender.error_rate(scores, male)
    record.add("gender", name, "error rate", wrong, adversary=ZERO)
    balanced = gender.balanced_accuracy(scores, male)
    record.add("gender", name, "balanced accuracy", balanced, adversary=ZERO)
    for group, members in _genders(case.faces):
        own, side = scores[members], bool(male[members][0])
        share = float(((own >= 0.5) != side).mean())
        record.add("gender", name, "error rate", share, adversary=ZERO, group=group, n=len(own))
    for group, members in _groups(case.faces):
        own, labels = scores[members], male[members]
        men = int(labels.sum())
        if min(men, len(labels) - men) >= LEAST_IN_GROUP:
            value = gender.auc(own, labels)
            record.add("gender", name, "AUC", value, adversary=ZERO, group=group, n=len(own))
    roc = gender.roc(scores, male)
    record.curve(name, "gender", roc.fpr, roc.tpr)


def _matcher(case: Case, record: Recorder, matcher: Matcher) -> None:
    name = matcher.info.name
    before, after = matcher.embed(case.before), matcher.embed(case.after)
    people = np.unique(case.faces.identity, return_inverse=True)[1].astype(np.int64)
    for which in verification.PAIRINGS:
        probe, gallery = verification.pairing(before, after, which)
        total, main = impostor_pairs(people, probe is gallery), which == "original-protected"
        measured: list[float] = []
        for fmr in case.fmrs:
            try:
                verification.enough_impostors(total, fmr)
                measured.append(fmr)
            except FaceVeilError as error:
                record.add("matcher", name, f"TMR@{fmr:g}", None, note=f"{which}: {error}")
        found = match(probe, gallery, people, measured)
        for fmr, value in zip(measured, found.tmr, strict=True):
            low = high = None
            if main and 8 * fmr * total <= MOST_KEPT:
                span = tmr_interval(probe, gallery, people, fmr, repeats=100, seed=case.seed)
                low, high = span.low, span.high
            record.add("matcher", name, f"TMR@{fmr:g}", value, low=low, high=high, note=which)
        record.add("matcher", name, "EER", found.eer, note=which)
        nearest = verification.rank1(probe, gallery, people)
        record.add("matcher", name, "rank-1", nearest, note=which)
        if main:
            if max(case.fmrs) in measured:
                at = (max(case.fmrs), found.thresholds[measured.index(max(case.fmrs))])
                _tmr_by_gender(case.faces, record, name, probe, gallery, people, *at)
            record.curve(name, "matcher", *found.curve)


def _tmr_by_gender(
    faces: FaceSet,
    record: Recorder,
    name: str,
    probe: Float32Array,
    gallery: Float32Array,
    people: NDArray[np.int64],
    fmr: float,
    threshold: float,
) -> None:
    """TMR of women and of men at the threshold that holds for all."""
    for group, own in _genders(faces):
        found = rates_at(probe[own], gallery[own], people[own], threshold)
        if found.genuine >= LEAST_IN_GROUP:
            value, note, count = 1 - found.fnmr, "original-protected", int(own.sum())
            record.add("matcher", name, f"TMR@{fmr:g}", value, group=group, n=count, note=note)


def _genders(faces: FaceSet) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Women and men, as ``gender=female``."""
    for label, side in (("female", 0), ("male", 1)):
        yield f"gender={label}", faces.male == side


def _groups(faces: FaceSet) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each group of what the set knows beside the gender, as ``race=Black``."""
    for name, labels in faces.groups.items():
        for value in np.unique(labels):
            yield f"{name}={value}", np.asarray(labels == value)
