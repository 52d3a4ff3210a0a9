"""Adversary 3a, retrained on embeddings: SVM, random forest, MLP and k-NN (Gender-AN's four).

Assumption: the adversary has labelled faces of its own and face matchers. Trained on clean faces
(``clean``) it is Gender-AN's protocol; trained on what the protector makes of them (``protected``)
it has the protector too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.adversaries.base import Scene, as_rgb
from faceveil.evaluation.adversaries.inputs import check_own
from faceveil.types import Float32Array

CLASSIFIERS = ("svm", "forest", "mlp", "knn")


@dataclass(frozen=True, slots=True)
class Retrained:
    """Classical classifiers on the embeddings of each matcher.

    Attributes:
        classifiers: which of ``svm``, ``forest``, ``mlp``, ``knn``.
    """

    classifiers: tuple[str, ...] = CLASSIFIERS
    name: str = "retrained-embeddings"
    assumption: str = "has labelled faces, face matchers and, for 'protected', the protector itself"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """Scores by ``classifier-clean/matcher`` and ``classifier-protected/matcher``.

        Raises:
            OptionError: if own faces are too few, a classifier is unknown, or scikit-learn missing.
        """
        check_own(scene)
        sets = {"clean": scene.own, "protected": scene.protect(scene.own, scene.own_male)}
        found = {}
        for matcher in scene.matchers:
            targets = matcher.embed(as_rgb(scene.targets))
            for kind, crops in sets.items():
                x = matcher.embed(as_rgb(crops))
                for classifier in self.classifiers:
                    model = build_classifier(classifier, scene.seed, len(x)).fit(x, scene.own_male)
                    variant = f"{classifier}-{kind}/{matcher.info.name}"
                    found[variant] = _margin(model, targets)
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
