"""The 2019 Keras re-implementation (Marino & Pepe): matching of two photos each of 400 people.

The first photo is protected, the second is not; the score is 1 / (1 + d^2) of their embeddings, and
the figures are ROC curves with linear axes, before and after.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from faceveil.data.keras_layout import pairs
from faceveil.errors import OptionError
from faceveil.evaluation.metrics.lfw_protocol import keras_pair_scores
from faceveil.evaluation.metrics.verification import verification_eer, verification_roc
from faceveil.evaluation.papers.subject import Subject
from faceveil.evaluation.recorder import Recorder
from faceveil.judges.base import Matcher
from faceveil.types import Float32Array

EACH = 200
"""Most people of either gender."""


def measure(record: Recorder, subject: Subject) -> None:
    """Area under the ROC and EER of each matcher, and the ROC.

    Args:
        record: where figures and curves go.
        subject: a set with people of two photos or more; of fewer than 200 of a gender, all.
    """
    faces = subject.faces
    first, second = pairs(faces.identity, faces.male.astype(np.float32), EACH)
    for matcher in subject.matchers:
        work = partial(_one_matcher, record, subject, matcher, first, second)
        record.guarded("matcher", matcher.info.name, "", work, "Keras pairs AUC")


def _one_matcher(
    record: Recorder,
    subject: Subject,
    matcher: Matcher,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    if len(first) < 2:
        raise OptionError(
            f"Keras pairs: got {len(first)} people with two photos; expected two or more"
        )
    protected: Float32Array = matcher.embed(subject.after[first])
    original: Float32Array = matcher.embed(subject.before[second])
    genuine, impostor = keras_pair_scores(protected, original)
    roc = verification_roc(genuine, impostor)
    area = float(((roc.tpr[1:] + roc.tpr[:-1]) / 2 * np.diff(roc.fpr)).sum())
    men = int(subject.faces.male[first].sum())
    note = f"{len(first)} people, {men} of them men"
    name, eer = matcher.info.name, verification_eer(genuine, impostor)
    for metric, value in (("Keras pairs AUC", area), ("Keras pairs EER", eer)):
        record.add("paper", name, metric, value, n=len(first), note=note)
    record.curve(name, "keras pairs", roc.fpr, roc.tpr)
