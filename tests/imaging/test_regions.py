"""Parts of a picture: they hold what they should, once."""

import numpy as np

from faceveil.imaging.regions import regions


def test_regions_hold_their_places_and_do_not_overlap():
    rng = np.random.default_rng(0)
    for _ in range(50):
        low = rng.uniform(-40, 900, (rng.integers(1, 6), 2))
        places = np.concatenate([low, low + rng.uniform(5, 80, low.shape)], axis=1)
        found = regions(places, (540, 960))
        counts = np.zeros((540, 960), int)
        for x0, y0, x1, y1 in found:
            assert (x0 % 32, y0 % 32) == (0, 0)
            counts[y0:y1, x0:x1] += 1
        assert counts.max(initial=0) <= 1
        for x0, y0, x1, y1 in np.clip(places, 0, (960, 540, 960, 540)).astype(int):
            assert counts[y0:y1, x0:x1].all()


def test_regions_that_are_most_of_a_picture_are_all_of_it():
    assert regions(np.array([[100.0, 60, 800, 500]]), (540, 960)) == [(0, 0, 960, 540)]
    assert regions(np.empty((0, 4)), (540, 960)) == []
    assert regions(np.array([[-90.0, -90, -80, -80]]), (540, 960)) == []
