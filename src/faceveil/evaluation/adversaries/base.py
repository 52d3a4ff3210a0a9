"""What an adversary is given, and how its success is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics.intervals import Interval, percentile, weighted_auc, weights
from faceveil.evaluation.protocol import as_rgb_crops
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.boxed import Views, p_male
from faceveil.types import Float32Array, Uint8Array

Protect = Callable[[Uint8Array, NDArray[np.uint8]], Uint8Array]
"""Crops (N, 224, 224[, 3]) and labels (N,), 1 male -> protected crops."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What an adversary has. It has no label of the faces that it attacks.

    Attributes:
        targets: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8, the protected faces.
        own: (K, 224, 224[, 3]) uint8, unprotected faces of other people, the adversary's own.
        own_male: (K,) their labels.
        own_identity: (K,) who they show.
        protect: the protector as a black box, for faces whose gender the adversary knows.
        gender_judges: classifiers at hand.
        matchers: face matchers at hand.
        again: more protected versions of the targets, by a protector that draws anew each time;
            may be made as they are asked for.
        seed: decides everything random.
        views: the targets as judges that want their own square see them, in photo mode.
    """

    targets: Uint8Array
    own: Uint8Array
    own_male: NDArray[np.uint8]
    own_identity: NDArray[np.int64]
    protect: Protect
    gender_judges: Sequence[GenderJudge]
    matchers: Sequence[Matcher]
    again: Iterable[Uint8Array] = field(default=())
    seed: int = 0
    views: Views = field(default_factory=dict)


class Adversary(Protocol):
    """A way to read gender.

    Attributes:
        name: unique name.
        assumption: what it needs to know or to have, in one sentence.
    """

    @property
    def name(self) -> str:
        """Unique name."""
        ...

    @property
    def assumption(self) -> str:
        """What it needs to know or to have."""
        ...

    def scores(self, scene: Scene) -> Mapping[str, Float32Array]:
        """Scores (N,) of the targets that grow with P(male), by variant (judge, classifier)."""
        ...


@dataclass(frozen=True, slots=True)
class AttackResult:
    """How well one variant of an adversary reads gender.

    Attributes:
        adversary: its name.
        variant: which judge or classifier.
        auc: area under the ROC curve; 0.5 is chance, and below it the opposite decisions are right.
        interval: bootstrap interval of the AUC over identities.
        eer: equal error rate.
    """

    adversary: str
    variant: str
    auc: float
    interval: Interval
    eer: float


def attack(
    adversary: Adversary,
    scene: Scene,
    male: ArrayLike,
    identity: ArrayLike,
    *,
    repeats: int = 1000,
    seed: int | None = None,
) -> tuple[AttackResult, ...]:
    """Let an adversary read, and measure it with the true labels.

    Args:
        adversary: the adversary.
        scene: what it is given.
        male: (N,) true labels of the targets.
        identity: (N,) who the targets show.
        repeats: of the bootstrap.
        seed: of the bootstrap; the scene's where None.

    Raises:
        OptionError: if a score is not finite, a class is empty, or the number of scores is wrong.
    """
    labels = np.asarray(male)
    w = weights(identity, repeats, scene.seed if seed is None else seed)
    results = []
    for variant, scores in adversary.scores(scene).items():
        if scores.shape != labels.shape:
            raise OptionError(
                f"{adversary.name}, {variant}: got scores of shape {scores.shape}; expected "
                f"{labels.shape}"
            )
        auc, eer = gender.auc(scores, labels), gender.eer(scores, labels)
        interval = percentile(weighted_auc(scores, labels, w))
        results.append(AttackResult(adversary.name, variant, auc, interval, eer))
    return tuple(results)


def strongest(results: Sequence[AttackResult]) -> AttackResult:
    """The result whose AUC is farthest from one half, on either side: the headline of a report.

    Raises:
        OptionError: if there is none.
    """
    if not results:
        raise OptionError("adversaries: got no result; expected one or more; name an adversary")
    return max(results, key=lambda r: abs(r.auc - 0.5))


def as_rgb(crops: Uint8Array) -> Uint8Array:
    """Crops as judges take them: (N, 224, 224[, 3]) uint8 -> (N, 224, 224, 3)."""
    return as_rgb_crops(crops)


def by_judges(
    scene: Scene, crops: Uint8Array, prefix: str = "", views: Views | None = None
) -> dict[str, Float32Array]:
    """P(male) of every judge, by name.

    Args:
        scene: has the judges.
        crops: (N, 224, 224[, 3]) uint8 canonical crops.
        prefix: before each name.
        views: the same faces as :attr:`Scene.views` has them; without, all judges get the crops.
    """
    rgb = as_rgb(crops)
    squares = {margin: as_rgb(view) for margin, view in (views or {}).items()}
    return {f"{prefix}{j.info.name}": p_male(j, rgb, squares) for j in scene.gender_judges}
