"""The LFW and Keras protocols against loops."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.lfw_protocol import keras_pair_scores, lfw_accuracy


def by_loops(scores, same, fold):
    """Every threshold between two levels is tried; of equally good ones the lowest is taken."""
    accuracies = []
    for name in np.unique(fold):
        held = fold == name
        levels = np.unique(scores[~held])
        middle = (levels[:-1] + levels[1:]) / 2
        tried = [levels[0] - 1, *middle, levels[-1] + 1]
        right = [((scores[~held] >= t) == same[~held]).mean() for t in tried]
        best = tried[int(np.argmax(right))]
        accuracies.append(((scores[held] >= best) == same[held]).mean())
    return np.mean(accuracies), np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))


@pytest.mark.parametrize("levels", [1, 3, 20, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_lfw_with_and_without_ties(levels, seed):
    rng = np.random.default_rng(seed)
    same = rng.integers(0, 2, 200).astype(bool)
    scores = np.floor((rng.random(200) + 0.4 * same) * levels) / levels
    fold = np.arange(200) // 20
    assert lfw_accuracy(scores, same, fold) == pytest.approx(by_loops(scores, same, fold))


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_lfw_refuses_lengths_that_differ(changed):
    given = [np.linspace(0, 1, 20), np.tile([0, 1], 10), np.arange(20) // 2]
    given[changed] = given[changed][:-1]
    with pytest.raises(OptionError, match="one of each per pair"):
        lfw_accuracy(*given)


def test_keras_genuine_and_impostor_scores():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    genuine, impostor = keras_pair_scores(a, b)
    table = [[1 / (1 + ((x - y) ** 2).sum()) for y in b] for x in a]
    np.testing.assert_allclose(genuine, [table[i][i] for i in range(5)])
    wanted = [table[i][j] for i in range(5) for j in range(5) if i != j]
    np.testing.assert_allclose(impostor, wanted)
    with pytest.raises(OptionError, match="descriptors"):
        keras_pair_scores(a, b[:4])
