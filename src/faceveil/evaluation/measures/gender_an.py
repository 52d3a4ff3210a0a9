"""Gender-AN (IoT-J 2022): Tables III and V, Figs 2 to 4 and 7.

Four classical classifiers learn gender from embeddings of clean faces and are asked about
protected ones; other attributes should stay as they were. The paper's matcher is SE-ResNet-50, its
classifiers of the other attributes are the same four; here every matcher at hand, and one attribute
judge. Matching (Fig. 5) and NIQE (Table IV) are among the common figures.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.case import Case
from faceveil.evaluation.measures.learners import CLASSIFIERS, build_classifier
from faceveil.evaluation.metrics.gender import reduction
from faceveil.evaluation.metrics.intervals import percentile
from faceveil.evaluation.rows import Recorder
from faceveil.judges.base import Matcher, as_rgb_crops

CLEAN = "clean-embeddings"
"""Under which adversary the classifiers' accuracies stand."""

LEAST_LABELLED = 30
"""Faces with a known attribute; below it an accuracy says nothing."""


def gender_an(case: Case, record: Recorder) -> None:
    """Accuracy and Reduction of each classifier on each matcher, and the other attributes.

    Args:
        case: with faces of other people for the classifiers, and an attribute judge.
        record: where figures go; what cannot be measured is a gap.
    """
    for matcher in case.matchers:
        work = partial(_classifiers, case, record, matcher)
        record.guarded("gender", matcher.info.name, CLEAN, work, "accuracy")
    work = partial(_attributes, case, record)
    record.guarded("paper", "attributes", "", work, "CAC, MSE, cross-entropy")


def _classifiers(case: Case, record: Recorder, matcher: Matcher) -> None:
    own, male = case.own, case.faces.male
    if own is None:
        raise OptionError("gender-an: got no faces to learn from; name a pack as 'attacker'")
    x = matcher.embed(as_rgb_crops(own.crops))
    before, after = matcher.embed(case.before), matcher.embed(case.after)
    found = []
    for name in CLASSIFIERS:
        model = build_classifier(name, case.seed, len(x)).fit(x, own.male)
        right: list[NDArray[np.bool_]] = [model.predict(e) == male for e in (before, after)]
        original, protected = (float(r.mean()) for r in right)
        judge, note = f"{name}/{matcher.info.name}", f"{original:.3f} on the originals"
        w = case.weights
        span = percentile((w @ right[1]) / w.sum(axis=1))
        record.add(
            "gender", judge, "accuracy", protected, adversary=CLEAN, low=span.low, high=span.high
        )
        gone = partial(_reduction, record, judge, original, protected, note)
        record.guarded("gender", judge, CLEAN, gone, "Reduction")
        found.append(protected)
    mean = float(np.mean(found))  # Fig. 7
    record.add("gender", f"mean/{matcher.info.name}", "accuracy", mean, adversary=CLEAN)


def _reduction(record: Recorder, judge: str, original: float, protected: float, note: str) -> None:
    value = reduction(original, protected)
    record.add("gender", judge, "Reduction", value, adversary=CLEAN, note=note)


def _attributes(case: Case, record: Recorder) -> None:
    judge = case.attributes
    if judge is None:
        raise OptionError(
            "gender-an: got no judge of several attributes; name one as 'attributes' "
            "(module:function)"
        )
    before, after = (judge.p_attributes(crops) for crops in (case.before, case.after))
    name = judge.info.name
    for k, attribute in enumerate(judge.attributes):
        a, b = before[:, k : k + 1], after[:, k : k + 1]
        for metric, value in (
            ("MSE", mean_squared_error(a, b)),
            ("cross-entropy", cross_entropy(a, b)),
        ):
            record.add("paper", name, f"{attribute}: {metric}", value)
        work = partial(_accuracy, case, record, name, attribute, a, b, k)
        record.guarded("paper", name, "", work, f"{attribute}: CAC")


def _accuracy(
    case: Case,
    record: Recorder,
    name: str,
    attribute: str,
    before: np.ndarray,
    after: np.ndarray,
    column: int,
) -> None:
    """CAC of one attribute, and the accuracy and Reduction of Table V."""
    labels = None if case.labels is None else case.labels[:, column]
    known = np.zeros(0, bool) if labels is None else np.isfinite(labels)
    if labels is None or known.sum() < LEAST_LABELLED:
        raise OptionError(
            f"{attribute}: {int(known.sum())} faces have a label; CAC needs {LEAST_LABELLED}; name "
            "a CSV with them as 'attribute_labels'"
        )
    truth, count = labels[known] >= 0.5, int(known.sum())
    original, protected = (float(((p[known, 0] >= 0.5) == truth).mean()) for p in (before, after))
    record.add("paper", name, f"{attribute}: accuracy", protected, n=count)
    record.add("paper", name, f"{attribute}: CAC", original - protected, n=count)
    chance = max(float(truth.mean()), 1 - float(truth.mean()))
    if original > chance:  # a judge that only knows the commoner value has nothing to lose
        value = reduction(original, protected)
        record.add("paper", name, f"{attribute}: Reduction", value, n=count)


def mean_squared_error(before: ArrayLike, after: ArrayLike) -> float:
    """Mean squared difference of attribute probabilities.

    Args:
        before: (N, K) probabilities of K attributes read from the originals.
        after: (N, K) the same from the protected faces.

    Raises:
        OptionError: if the shapes differ or a value is no probability.
    """
    a, b = _probabilities(before, after)
    return float(((a - b) ** 2).mean())


def cross_entropy(before: ArrayLike, after: ArrayLike) -> float:
    """Mean binary cross-entropy of the protected faces' probabilities under the originals'.

    Args:
        before: (N, K) probabilities of K attributes read from the originals, or their labels.
        after: (N, K) probabilities read from the protected faces, cut off 1e-7 from 0 and 1.

    Raises:
        OptionError: if the shapes differ or a value is no probability.
    """
    a, b = _probabilities(before, after)
    b = np.clip(b, 1e-7, 1 - 1e-7)
    return float(-(a * np.log(b) + (1 - a) * np.log(1 - b)).mean())


def _probabilities(
    before: ArrayLike, after: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if a.shape != b.shape or a.size == 0:
        raise OptionError(
            f"attributes: got shapes {a.shape} and {b.shape}; expected two equal ones"
        )
    if not all(np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1 for x in (a, b)):
        raise OptionError("attributes: a value is no probability; expected 0 to 1")
    return a, b
