"""Two published protocols on LFW pairs: the official one, and that of the 2019 Keras SAN."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.inference.thresholds import finite_scores


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


def lfw_accuracy(scores: ArrayLike, same: ArrayLike, fold: ArrayLike) -> tuple[float, float]:
    """The official LFW protocol (View 2): mean accuracy over folds, and its standard error.

    The threshold of each fold is the best one on all other folds; of several, the lowest.

    Args:
        scores: (N,) similarity of each pair.
        same: (N,) 1 where a pair shows one person.
        fold: (N,) the fold of each pair, at least two of them.

    Raises:
        OptionError: if a score is not finite, the lengths differ or there is one fold only.
    """
    values = finite_scores(scores, "pair")
    labels, folds = np.asarray(same).astype(bool), np.asarray(fold)
    if labels.shape != values.shape or folds.shape != values.shape:
        raise OptionError(
            f"pairs: got {len(values)} scores, labels {labels.shape} and folds {folds.shape}; "
            "expected one of each per pair"
        )
    names = np.unique(folds)
    if len(names) < 2:
        raise OptionError(f"folds: got {len(names)}; expected two or more (the protocol has ten)")
    accuracies = []
    for name in names:
        held = folds == name
        threshold = _best_threshold(values[~held], labels[~held])
        accuracies.append(((values[held] >= threshold) == labels[held]).mean())
    spread = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return float(np.mean(accuracies)), float(spread)


def _best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Half-way between two neighbouring scores, where most decisions are right."""
    levels, groups = np.unique(scores, return_inverse=True)
    # Equal scores fall on one side together, so they count per level.
    genuine = np.bincount(groups, weights=same, minlength=len(levels))
    impostor = np.bincount(groups, weights=~same, minlength=len(levels))
    refused = np.concatenate([[0], np.cumsum(impostor)])
    matched = np.concatenate([np.cumsum(genuine[::-1])[::-1], [0]])
    edges = np.concatenate([[levels[0] - 1], (levels[:-1] + levels[1:]) / 2, [levels[-1] + 1]])
    return float(edges[(refused + matched).argmax()])


def _descriptors(
    first: ArrayLike, second: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 2:
        raise OptionError(f"descriptors: got {a.shape} and {b.shape}; expected equal (N, D)")
    return a, b
