"""What faces have and are to have."""

import numpy as np

from faceveil.systems.editors.labels import names_of, one_hot, spans, wanted_labels

GROUPS = ("Male", "Young|Middle|Old", "Glasses")
P = np.array([[0.9, 0.2, 0.5, 0.3, 0.4], [0.1, 0.6, 0.3, 0.1, 0.8]], np.float32)
SOURCE = np.array([[1, 0, 1, 0, 0], [0, 1, 0, 0, 1]], np.float32)
MALE = np.array([1, 0], np.float32)


def wanted(hidden, target):
    return wanted_labels(SOURCE, P, GROUPS, hidden, MALE, np.array(target, np.float32))


def test_groups():
    assert names_of(GROUPS) == ("Male", "Young", "Middle", "Old", "Glasses")
    assert list(spans(GROUPS)) == [(0, 1), (1, 3), (4, 1)]
    np.testing.assert_array_equal(one_hot(P, GROUPS), SOURCE)


def test_opposite_touches_only_what_is_hidden():
    np.testing.assert_array_equal(wanted([0], [0, 1]), [[0, 0, 1, 0, 0], [1, 1, 0, 0, 1]])
    # Of several alternatives, the one that the face is least likely to have.
    np.testing.assert_array_equal(wanted([1], [0, 1]), [[1, 1, 0, 0, 0], [0, 0, 0, 1, 1]])
    both = wanted([0, 1], [0, 1])
    np.testing.assert_array_equal(both, [[0, 1, 0, 0, 0], [1, 0, 0, 1, 1]])


def test_same_and_neutral():
    np.testing.assert_array_equal(wanted([0, 1, 2], MALE), SOURCE)
    neutral = wanted([0, 1], [0.5, 0.5])
    np.testing.assert_allclose(neutral[:, 0], 0.5)
    np.testing.assert_allclose(neutral[:, 1:4], 1 / 3)
    np.testing.assert_array_equal(neutral[:, 4], SOURCE[:, 4])


def test_nobody():
    none = np.empty((0, 5), np.float32)
    empty = np.empty(0, np.float32)
    assert wanted_labels(none, none, GROUPS, [0], empty, empty).shape == (0, 5)
