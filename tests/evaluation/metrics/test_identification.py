"""Rank-1 against loops."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import identification
from faceveil.evaluation.metrics.identification import rank1

RNG = np.random.default_rng(0)


def unit(rows):
    x = RNG.normal(size=(rows, 5))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


PROBE, GALLERY = unit(30), unit(50)
WHO, THERE = RNG.integers(0, 8, 30), RNG.integers(0, 7, 50)  # person 7 is not in the gallery
OWN = np.where(RNG.random(30) < 0.5, RNG.integers(0, 50, 30), -1)


def by_loops(own):
    hits = []
    for i in range(30):
        allowed = [j for j in range(50) if j != own[i]]
        if WHO[i] in THERE[allowed]:
            best = max(allowed, key=lambda j: PROBE[i] @ GALLERY[j])
            hits.append(THERE[best] == WHO[i])
    return np.mean(hits)


@pytest.fixture(params=[1, 120, 2**22])
def block(request, monkeypatch):
    monkeypatch.setattr(identification, "BLOCK_SCORES", request.param)


def test_two_sets(block):
    nothing = np.full(30, -1)
    assert rank1(PROBE, GALLERY, WHO, THERE) == pytest.approx(by_loops(nothing))
    assert rank1(PROBE, GALLERY, WHO, THERE, OWN) == pytest.approx(by_loops(OWN))
    mask = OWN[:, None] == np.arange(50)
    assert rank1(PROBE, GALLERY, WHO, THERE, mask) == pytest.approx(by_loops(OWN))


def test_the_same_picture_is_never_the_answer():
    """Copies of the probes would give 1; without them everybody's other picture is far off."""
    far = unit(30)
    gallery = np.concatenate([PROBE, -PROBE])
    who = np.arange(30)
    there = np.concatenate([who, who])
    assert rank1(PROBE, gallery, who, there) == 1
    assert rank1(PROBE, gallery, who, there, who) == 0
    assert rank1(PROBE, far, who, who) < 0.5


def test_names_may_be_words():
    names = np.array(["Ada", "Eva", "Kim"])[np.arange(30) % 3]
    codes = np.arange(30) % 3
    assert rank1(PROBE, PROBE, names) == rank1(PROBE, PROBE, codes)


def test_a_tie_is_a_miss():
    same = np.tile(PROBE[:1], (6, 1))
    assert rank1(same, same, np.repeat([0, 1, 2], 2)) == 0


@pytest.mark.parametrize(
    ("who", "there", "own"),
    [
        (WHO[:3], THERE, None),
        (WHO, THERE[:3], None),
        (WHO, THERE, OWN[:3]),
        (WHO, THERE, OWN + 50),
        (WHO, THERE, OWN - 1),
        (WHO, THERE, np.zeros((30, 50))),
        (WHO, THERE + 100, None),
    ],
)
def test_refuses(who, there, own):
    with pytest.raises(OptionError, match=r"rank-1|same_picture"):
        rank1(PROBE, GALLERY, who, there, own)


def test_refuses_embeddings_that_mean_nothing():
    broken = PROBE.copy()
    broken[4, 2] = np.nan
    with pytest.raises(OptionError, match="not finite"):
        rank1(broken, GALLERY, WHO, THERE)
