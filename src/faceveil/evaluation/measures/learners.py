"""Adversaries that learn from embeddings of labelled faces: whom is it like, and four classifiers.

They have faces of their own and face matchers; most have the protector too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.case import Case
from faceveil.evaluation.measures.adversaries import own_faces
from faceveil.judges.base import as_rgb_crops
from faceveil.types import Float32Array, Float64Array

CLASSIFIERS = ("svm", "forest", "mlp", "knn")


def _log_weights(n: int) -> Float64Array:
    """-log10(r / (r + 1)) of rank r."""
    r = np.arange(1, n + 1)
    return np.asarray(-np.log10(r / (r + 1)), np.float64)


def _linear_weights(n: int) -> Float64Array:
    """1 / (r + 1) of rank r."""
    return np.asarray(1 / (np.arange(1, n + 1) + 1), np.float64)


STATISTICS: Mapping[str, Callable[[int], Float64Array]] = {
    "mean": lambda n: np.full(n, 1 / n),
    "log": _log_weights,
    "linear": _linear_weights,
}
"""Weights of the n highest scores, best first; n = 1 of ``mean`` is the maximum."""


def similarity(case: Case, tops: Sequence[int] = (1, 5, 10, 50, 100)) -> dict[str, Float32Array]:
    """The n best scores against protected men, less those against women (Osorio-Roig 2022).

    Faces that still match also match people of their own gender a little better; so perfect
    matching and perfect privacy are in tension.

    Args:
        case: with own faces and matchers.
        tops: values of n; those above the gallery's size are left out.

    Returns:
        Scores by ``topN-statistic/matcher``.

    Raises:
        OptionError: if own faces are too few, or no n lies between 1 and their number.
    """
    own = own_faces(case)
    rows = balanced(own.male, case.seed)
    if not tops or min(tops) < 1 or min(tops) > len(rows) // 2:
        raise OptionError(
            f"similarity: got tops {tops}; expected numbers from 1, one of them at most "
            f"{len(rows) // 2}, the gallery's faces per gender"
        )
    male = own.male[rows].astype(bool)
    found: dict[str, Float32Array] = {}
    for matcher in case.matchers:
        gallery = matcher.embed(as_rgb_crops(case.own_protected[rows]))
        scores = matcher.embed(as_rgb_crops(case.learnable)) @ gallery.T
        men, women = (-np.sort(-scores[:, side], axis=1) for side in (male, ~male))
        for n in tops:
            if n > men.shape[1]:
                continue
            for statistic, weigh in STATISTICS.items():
                if n == 1 and statistic != "mean":
                    continue  # all the same
                value = (men[:, :n] - women[:, :n]) @ weigh(n)
                found[f"top{n}-{statistic}/{matcher.info.name}"] = np.asarray(value, np.float32)
    return found


def balanced(male: NDArray[np.uint8], seed: int) -> NDArray[np.int64]:
    """Rows of equally many men and women, as many as there are of the rarer."""
    generator = np.random.default_rng(seed)
    sides = [generator.permutation(np.flatnonzero(male == side)) for side in (0, 1)]
    count = min(map(len, sides))
    return np.sort(np.concatenate([side[:count] for side in sides]))


def retrained(case: Case, classifiers: Sequence[str] = CLASSIFIERS) -> dict[str, Float32Array]:
    """SVM, random forest, MLP and k-NN on the embeddings of each matcher (Gender-AN's four).

    Trained on clean faces (``clean``) it is Gender-AN's protocol; trained on what the protector
    makes of them (``protected``) the adversary has the protector too.

    Args:
        case: with own faces and matchers.
        classifiers: which of :data:`CLASSIFIERS`.

    Returns:
        Scores by ``classifier-clean/matcher`` and ``classifier-protected/matcher``.

    Raises:
        OptionError: if own faces are too few, a classifier is unknown, or scikit-learn missing.
    """
    own = own_faces(case)
    sets = {"clean": own.crops, "protected": case.own_protected}
    found = {}
    for matcher in case.matchers:
        targets = matcher.embed(as_rgb_crops(case.learnable))
        for kind, crops in sets.items():
            x = matcher.embed(as_rgb_crops(crops))
            for classifier in classifiers:
                model = build_classifier(classifier, case.seed, len(x)).fit(x, own.male)
                found[f"{classifier}-{kind}/{matcher.info.name}"] = _margin(model, targets)
    return found


def build_classifier(name: str, seed: int, count: int) -> Any:
    """An untrained classifier.

    Args:
        name: one of :data:`CLASSIFIERS`.
        seed: decides everything random.
        count: on how many faces it will learn.

    Raises:
        OptionError: if it is unknown, or scikit-learn is missing.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC
    except ImportError as error:
        raise OptionError(str(missing_extra("retrained adversary", error, "report"))) from error
    if name == "svm":
        return make_pipeline(StandardScaler(), SVC(C=1.0, gamma="scale"))
    if name == "forest":
        return RandomForestClassifier(300, random_state=seed, n_jobs=1)
    if name == "mlp":
        # Early stopping holds back a tenth, which must show both genders.
        network = MLPClassifier((64,), alpha=1e-2, max_iter=400, early_stopping=count > 10)
        return make_pipeline(StandardScaler(), network.set_params(random_state=seed))
    if name == "knn":
        return KNeighborsClassifier(min(15, count), weights="distance")
    raise OptionError(f"classifier: got {name!r}; expected one of {', '.join(CLASSIFIERS)}")


def _margin(model: Any, x: Float32Array) -> Float32Array:
    """A score that grows with P(male)."""
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(x), np.float32)
    return np.asarray(model.predict_proba(x)[:, 1], np.float32)
