"""What the judges' own answers come to: figures, intervals, groups and curves."""

from __future__ import annotations

from dataclasses import dataclass
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
from faceveil.evaluation.metrics.matching import Rates, match, rates_at
from faceveil.evaluation.metrics.pairs import impostor_pairs
from faceveil.evaluation.rows import Recorder
from faceveil.evaluation.sets import FaceSet
from faceveil.inference.thresholds import enough_impostors
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.boxed import p_male
from faceveil.types import Float32Array

ZERO = "zero-effort"
"""The first adversary: a published classifier as it is. SAN, FlowSAN, Gender-AN stop here."""

MAIN = "original-protected"
"""The pairing that counts: an unprotected probe against a protected gallery."""

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
    """What each matcher accepts, in the three pairings, and whom it treats worse.

    ``TMR@f`` is at the threshold of the pairing's own impostors; ``TMR@f fixed`` at that of
    unprotected faces, with the share of impostors that pass it then. A rate for which there are too
    few impostor pairs leaves a gap.
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
    genders, *others = _attributes(case.faces).values()
    for group, members in genders.items():
        own, side = scores[members], bool(male[members][0])
        share = float(((own >= 0.5) != side).mean())
        record.add("gender", name, "error rate", share, adversary=ZERO, group=group, n=len(own))
    for group, members in (item for attribute in others for item in attribute.items()):
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
    thresholds: dict[str, dict[float, float]] = {}
    for which in verification.PAIRINGS:
        probe, gallery = verification.pairing(before, after, which)
        total, main = impostor_pairs(people, probe is gallery), which == MAIN
        measured: list[float] = []
        for fmr in case.fmrs:
            try:
                enough_impostors(total, fmr)
                measured.append(fmr)
            except FaceVeilError as error:
                record.add("matcher", name, f"TMR@{fmr:g}", None, note=f"{which}: {error}")
        found = match(probe, gallery, people, measured)
        thresholds[which] = dict(zip(measured, found.thresholds, strict=True))
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
            record.curve(name, "matcher", *found.curve)
    compared = Compared(name, case.faces, before, after, people)
    worst = max(case.fmrs)
    if worst in thresholds[MAIN]:
        _tmr_by_gender(compared, record, worst, thresholds[MAIN][worst])
    fixed = thresholds["original-original"]
    for fmr, threshold in fixed.items():
        rates = rates_at(before, after, people, threshold)
        for metric, value in (("TMR", 1 - rates.fnmr), ("FMR", rates.fmr)):
            record.add("matcher", name, f"{metric}@{fmr:g} fixed", value, note=MAIN)
    if worst in fixed:
        _differentials(compared, record, worst, fixed[worst])


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A matcher's embeddings of originals and of protected faces."""

    matcher: str
    faces: FaceSet
    before: Float32Array
    after: Float32Array
    people: NDArray[np.int64]

    def rates(self, own: NDArray[np.bool_], threshold: float) -> Rates:
        """Error rates within a group."""
        return rates_at(self.before[own], self.after[own], self.people[own], threshold)


def _tmr_by_gender(compared: Compared, record: Recorder, fmr: float, threshold: float) -> None:
    """TMR of women and of men at the protected system's own threshold."""
    for group, own in _attributes(compared.faces)["gender"].items():
        found = compared.rates(own, threshold)
        if found.genuine >= LEAST_IN_GROUP:
            value, count, metric = 1 - found.fnmr, int(own.sum()), f"TMR@{fmr:g}"
            record.add("matcher", compared.matcher, metric, value, group=group, n=count, note=MAIN)


def _differentials(compared: Compared, record: Recorder, fmr: float, threshold: float) -> None:
    """FMR and FNMR of each group at one threshold for all, and worst over best of each attribute.

    After ISO/IEC 19795-10. Impostors are of one group both. The threshold is that of unprotected
    faces, as a system in use has it. Where nobody errs in the best group, one pair is taken to.
    """
    for attribute, groups in _attributes(compared.faces).items():
        found: dict[str, list[tuple[float, int]]] = {"FMR": [], "FNMR": []}
        for group, own in groups.items():
            rates, count = compared.rates(own, threshold), int(own.sum())
            for metric, value, pairs, least in (
                ("FMR", rates.fmr, rates.impostors, 10 / fmr),
                ("FNMR", rates.fnmr, rates.genuine, LEAST_IN_GROUP),
            ):
                if pairs >= least:
                    name = f"{metric}@{fmr:g} fixed"
                    record.add(
                        "matcher", compared.matcher, name, value, group=group, n=count, note=MAIN
                    )
                    found[metric].append((value, pairs))
        for metric, values in found.items():
            if len(values) < 2:
                continue
            (best, pairs), (worst, _) = min(values), max(values)
            ratio = max(1.0, worst / max(best, 1 / pairs))
            note = MAIN if best else f"{MAIN}; at least: none of {pairs} pairs in the best group"
            name = f"{metric}@{fmr:g} fixed, worst over best"
            record.add("matcher", compared.matcher, name, ratio, group=attribute, note=note)


def _attributes(faces: FaceSet) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Gender, then what else the set knows: each attribute's groups, such as ``race=Black``."""
    found = {"gender": {"gender=female": faces.male == 0, "gender=male": faces.male == 1}}
    for name, labels in faces.groups.items():
        found[name] = {f"{name}={v}": np.asarray(labels == v) for v in np.unique(labels)}
    return found
