"""Which faces of its packs a recipe takes."""

import numpy as np
import pytest

from faceveil.data.packs import Pack
from faceveil.data.selection import Selected
from faceveil.errors import OptionError

COUNT = 202_599  # CelebA's


def pack(count=COUNT, sources=None):
    images = np.empty((count, 0, 0), np.uint8)
    columns = {} if sources is None else {"source": np.array(sources)}
    return Pack(images, np.zeros(count, np.float32), np.empty(0, np.int64), columns)


def test_a_random_split_by_counts():
    """002 section 2.4: 162,079 and 40,520 images, disjoint and together all."""
    train = Selected(data_order="random", data_stop=162_079, data_seed=1).rows(pack())
    test = Selected(data_order="random", data_start=162_079, data_seed=1).rows(pack())
    assert (len(train), len(test)) == (162_079, 40_520)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(COUNT))
    other = Selected(data_order="random", data_stop=162_079, data_seed=2).rows(pack())
    assert not np.array_equal(train, other)


def test_the_last_images_in_the_order_of_their_names():
    """004 section IV-A: the last 1.8k are for testing, those before them for validation."""
    names = [f"{i:06d}.jpg" for i in np.random.default_rng(0).permutation(5000)]
    p = pack(5000, names)
    test = Selected(data_order="source", data_start=-1800).rows(p)
    assert [names[r] for r in test] == [f"{i:06d}.jpg" for i in range(3200, 5000)]
    val = Selected(data_order="source", data_start=-2000, data_stop=-1800).rows(p)
    assert [names[r] for r in val] == [f"{i:06d}.jpg" for i in range(3000, 3200)]
    train = Selected(data_order="source", data_stop=-2000).rows(p)
    assert len(train) == 3000


def test_a_limit_and_all():
    assert Selected(data_stop=3).rows(pack(9)).tolist() == [0, 1, 2]
    assert Selected().rows(pack(4)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("selected", "message"),
    [
        (Selected(data_stop=10), r"data\.stop: got 10; the packs hold 9 faces"),
        (Selected(data_start=-10), r"data\.start: got -10"),
        (Selected(data_start=5, data_stop=5), "leave none of 9 faces"),
        (Selected(data_order="source"), "column 'source'"),
    ],
)
def test_what_cannot_be(selected, message):
    with pytest.raises(OptionError, match=message):
        selected.rows(pack(9))
