"""What one judge's answers come to: figures, intervals, groups and curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import FaceVeilError
from faceveil.evaluation.faces import FaceSet
from faceveil.evaluation.metrics import gender, verification
from faceveil.evaluation.metrics.figures import figures, genuine_scores
from faceveil.evaluation.metrics.intervals import (
    percentile,
    tmr_interval,
    weighted_auc,
    weighted_eer,
)
from faceveil.evaluation.metrics.pairs import impostor_pairs
from faceveil.evaluation.recorder import Recorder
from faceveil.inference.thresholds import enough_impostors
from faceveil.types import Float32Array, Float64Array

LEAST_IN_GROUP = 30
"""Faces of either gender, or genuine pairs; below it a group's figures say nothing."""

MOST_KEPT = 2**23
"""Impostor scores that an interval may hold; where it needs more (FMR 1 % of 10,000 images and
over), the figure stands without one: that many images leave little doubt."""


def read_gender(
    record: Recorder, name: str, scores: Float32Array, faces: FaceSet, w: Float64Array
) -> None:
    """Figures of a gender judge, as it is.

    Args:
        record: where they go.
        name: of the judge.
        scores: (N,) P(male).
        faces: who was read.
        w: (R, N) bootstrap weights.
    """
    zero = "zero-effort"
    for metric, point, repeats in (
        ("AUC", gender.auc, weighted_auc),
        ("EER", gender.eer, weighted_eer),
    ):
        value = point(scores, faces.male)
        span = percentile(repeats(scores, faces.male, w))
        record.add("gender", name, metric, value, adversary=zero, low=span.low, high=span.high)
    wrong = gender.error_rate(scores, faces.male)
    record.add("gender", name, "error rate", wrong, adversary=zero)
    balanced = gender.balanced_accuracy(scores, faces.male)
    record.add("gender", name, "balanced accuracy", balanced, adversary=zero)
    for label, side in (("female", 0), ("male", 1)):
        own = scores[faces.male == side]
        share = float(((own >= 0.5) != bool(side)).mean())
        group = f"gender={label}"
        record.add("gender", name, "error rate", share, adversary=zero, group=group, n=len(own))
    for group, members in groups(faces):
        value, count = gender.auc(scores[members], faces.male[members]), int(members.sum())
        record.add("gender", name, "AUC", value, adversary=zero, group=group, n=count)
    roc = gender.roc(scores, faces.male)
    record.curve(name, "gender", roc.fpr, roc.tpr)


def read_matching(
    record: Recorder,
    name: str,
    before: Float32Array,
    after: Float32Array,
    faces: FaceSet,
    fmrs: Sequence[float],
    seed: int,
) -> None:
    """Figures of a matcher in the three pairings.

    Args:
        record: where they go.
        name: of the matcher.
        before: (N, D) unit embeddings of the originals.
        after: (N, D) unit embeddings of the protected faces.
        faces: who was read.
        fmrs: false match rates; a rate for which there are too few impostor pairs leaves a gap.
        seed: of the bootstrap.
    """
    people = np.unique(faces.identity, return_inverse=True)[1].astype(np.int64)
    for which in verification.PAIRINGS:
        probe, gallery = verification.pairing(before, after, which)
        total, main = impostor_pairs(people, probe is gallery), which == "original-protected"
        measured: list[float] = []
        for fmr in fmrs:
            try:
                enough_impostors(total, fmr)
                measured.append(fmr)
            except FaceVeilError as error:
                record.add("matcher", name, f"TMR@{fmr:g}", None, note=f"{which}: {error}")
        found = figures(probe, gallery, people, tuple(measured))
        for fmr, value in zip(measured, found.tmr, strict=True):
            low = high = None
            if main and 8 * fmr * total <= MOST_KEPT:
                span = tmr_interval(probe, gallery, people, fmr, repeats=100, seed=seed)
                low, high = span.low, span.high
            record.add("matcher", name, f"TMR@{fmr:g}", value, low=low, high=high, note=which)
        record.add("matcher", name, "EER", found.eer, note=which)
        nearest = verification.rank1(probe, gallery, people)
        record.add("matcher", name, "rank-1", nearest, note=which)
        if main:
            if max(fmrs) in measured:
                at = (max(fmrs), found.thresholds[measured.index(max(fmrs))])
                _by_gender(record, name, probe, gallery, people, faces.male, *at)
            record.curve(name, "matcher", *found.curve)


def groups(faces: FaceSet) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Groups with enough women and men in them, as ``race=Black``."""
    for name, labels in faces.groups.items():
        for value in np.unique(labels):
            members = np.asarray(labels == value)
            men = int(faces.male[members].sum())
            if min(men, int(members.sum()) - men) >= LEAST_IN_GROUP:
                yield f"{name}={value}", members


def _by_gender(
    record: Recorder,
    name: str,
    probe: Float32Array,
    gallery: Float32Array,
    people: NDArray[np.int64],
    male: NDArray[np.uint8],
    fmr: float,
    threshold: float,
) -> None:
    """TMR of women and of men at the threshold that holds for all."""
    for label, side in (("female", 0), ("male", 1)):
        own = male == side
        genuine = genuine_scores(probe[own], gallery[own], people[own])
        if len(genuine) >= LEAST_IN_GROUP:
            value, group = float((genuine >= threshold).mean()), f"gender={label}"
            note, count = "original-protected", int(own.sum())
            record.add("matcher", name, f"TMR@{fmr:g}", value, group=group, n=count, note=note)
