"""Who is where: weights, people that are chosen, smooth landmarks."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.video.plan import FADE, Plan, choose_people, smooth_landmarks
from tests.protect.fakes import LANDMARKS
from tests.video.test_tracks import follow


def test_weights_fade_around_a_track_but_not_across_a_cut():
    frames = [(((0, 100),), {0} if 6 <= k < 12 else set()) for k in range(20)]
    tracker, _ = follow(frames)
    plan = Plan(tracker, {}, frozenset({0}))
    weights = [sum(p.weight for p in plan.at(k)) for k in range(20)]
    ramp = [(i + 1) / (FADE + 1) for i in range(FADE)]
    expected = [0.0] * 2 + ramp + [1.0] * 6 + ramp[::-1] + [0.0] * 4
    np.testing.assert_allclose(weights, expected)
    tracker.cuts.starts.append(5)
    tracker.tracks[0].segment = 5
    plan = Plan(tracker, {}, frozenset({0}))
    assert [sum(p.weight for p in plan.at(k)) for k in range(20)][:6] == [0.0] * 5 + [
        pytest.approx(ramp[-1])
    ]


def test_somebody_hidden_behind_another_is_not_protected_in_front():
    frames = []
    for k in range(30):
        other = 300 - 8 * k
        seen = {0, 1} if abs(other - 150) > 60 else {1}
        frames.append((((0, 150), (1, other)), seen))
    tracker, _ = follow(frames)
    plan = Plan(tracker, {}, frozenset({0, 1}))
    counts = [len(plan.at(k)) for k in range(30)]
    assert counts[18] == 1  # nearly in the same place
    assert counts[0] == counts[29] == 2


@pytest.mark.parametrize(
    ("which", "expected"), [("all", {0, 1, 2}), ("largest", {1}), ("0,2", {0, 2})]
)
def test_choose_people(which, expected):
    assert choose_people(which, [1.0, 5.0, 2.0]) == expected
    assert choose_people(which, []) == set()


@pytest.mark.parametrize("which", ["3", "first", "-1"])
def test_choose_people_refuses(which):
    with pytest.raises(OptionError, match="faces: got"):
        choose_people(which, [1.0, 5.0, 2.0])


def test_smoothing_does_not_lag_and_takes_jitter_away():
    times = np.arange(100) / 25
    path = LANDMARKS[None] + (times * 120)[:, None, None] * np.array([1.0, 0.3])
    rng = np.random.default_rng(0)
    noisy = (path + rng.normal(0, 0.7, path.shape)).astype(np.float32)
    clean = smooth_landmarks(path.astype(np.float32), times)
    # three eye distances a second, and not a quarter of a pixel behind
    assert np.abs((clean - path)[10:-10]).mean() < 0.25
    still = (LANDMARKS[None] + rng.normal(0, 0.7, path.shape)).astype(np.float32)

    def jitter(x):
        return np.abs(np.diff(x, 2, axis=0)).mean()

    assert jitter(smooth_landmarks(still, times)) < 0.2 * jitter(still)
    assert jitter(smooth_landmarks(noisy, times)) < 0.6 * jitter(noisy)
