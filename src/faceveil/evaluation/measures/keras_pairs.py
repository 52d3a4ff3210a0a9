"""The 2019 Keras re-implementation (Marino & Pepe): matching of two photos each of 400 people.

The first photo is protected, the second is not; the score is 1 / (1 + d^2) of their embeddings, and
the figures are ROC curves with linear axes, before and after.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.data.keras_layout import pairs
from faceveil.errors import OptionError
from faceveil.evaluation.case import Case
from faceveil.evaluation.metrics.verification import verification_eer, verification_roc
from faceveil.evaluation.rows import Recorder
from faceveil.judges.base import Matcher
from faceveil.types import Float32Array

EACH = 200
"""Most people of either gender."""


def keras_pairs(case: Case, record: Recorder) -> None:
    """Area under the ROC and EER of each matcher, and the ROC.

    Args:
        case: of a set with people of two photos or more; of fewer than 200 of a gender, all.
        record: where figures and curves go.
    """
    faces = case.faces
    first, second = pairs(faces.identity, faces.male.astype(np.float32), EACH)
    for matcher in case.matchers:
        work = partial(_one_matcher, case, record, matcher, first, second)
        record.guarded("matcher", matcher.info.name, "", work, "Keras pairs AUC")


def _one_matcher(
    case: Case,
    record: Recorder,
    matcher: Matcher,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    if len(first) < 2:
        raise OptionError(
            f"Keras pairs: got {len(first)} people with two photos; expected two or more"
        )
    protected: Float32Array = matcher.embed(case.after[first])
    original: Float32Array = matcher.embed(case.before[second])
    genuine, impostor = keras_pair_scores(protected, original)
    roc = verification_roc(genuine, impostor)
    area = float(((roc.tpr[1:] + roc.tpr[:-1]) / 2 * np.diff(roc.fpr)).sum())
    men = int(case.faces.male[first].sum())
    note = f"{len(first)} people, {men} of them men"
    name, eer = matcher.info.name, verification_eer(genuine, impostor)
    for metric, value in (("Keras pairs AUC", area), ("Keras pairs EER", eer)):
        record.add("paper", name, metric, value, n=len(first), note=note)
    record.curve(name, "keras pairs", roc.fpr, roc.tpr)


def keras_score(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """The match score of the 2019 Keras re-implementation: 1 / (1 + ||x - x'||^2), its eq. (6).

    Args:
        first: (N, D) descriptors.
        second: (N, D) descriptors of the images that they are compared with.

    Returns:
        (N,) in (0, 1].

    Raises:
        OptionError: if the shapes differ.
    """
    a, b = _descriptors(first, second)
    out: NDArray[np.float64] = 1 / (1 + ((a - b) ** 2).sum(axis=1))
    return out


def keras_pair_scores(
    first: ArrayLike, second: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Genuine and impostor scores of the Keras re-implementation's protocol.

    Its 400 people (:func:`faceveil.data.keras_layout.pairs` with 200 men and 200 women) have two
    photos each. The report does not say which impostor pairs it takes; here it is all of them.

    Args:
        first: (K, D) descriptors of each person's first photo, protected or not.
        second: (K, D) descriptors of the second photo, row by row of the same people.

    Returns:
        (K,) genuine scores and (K (K - 1),) impostor scores.

    Raises:
        OptionError: if the shapes differ.
    """
    a, b = _descriptors(first, second)
    scores = np.array([keras_score(np.broadcast_to(row, b.shape), b) for row in a])
    own = np.eye(len(a), dtype=bool)
    return scores[own], scores[~own]


def _descriptors(
    first: ArrayLike, second: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 2:
        raise OptionError(f"descriptors: got {a.shape} and {b.shape}; expected equal (N, D)")
    return a, b
