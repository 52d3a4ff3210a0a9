"""Which faces a step sees."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.training import distributed  # noqa: E402
from faceveil.training.draw import Dealer, step_count  # noqa: E402

ROWS = torch.arange(100, 110)


def generator():
    return torch.Generator().manual_seed(0)


def test_each_face_once_an_epoch_in_another_order():
    deal = Dealer(ROWS, 4, "epochs", seed=3)
    steps = [deal(k, generator()).tolist() for k in range(6)]
    assert [len(s) for s in steps] == [4, 4, 2, 4, 4, 2]
    first, second = sum(steps[:3], []), sum(steps[3:], [])  # noqa: RUF017
    assert sorted(first) == sorted(second) == ROWS.tolist()
    assert first != second
    assert deal(1, generator()).tolist() == steps[1]  # of a run that is resumed


def test_at_random_with_replacement():
    deal = Dealer(ROWS, 1000)
    counts = torch.bincount(deal(0, generator()) - 100, minlength=10)
    assert counts.min() > 60
    drawn = torch.randint(10, (1000,), generator=generator())
    assert torch.equal(deal(0, generator()), ROWS[drawn])


def test_several_processes_share_a_batch(monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: 2)
    found = []
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        found += Dealer(ROWS, 10, "epochs")(0, generator()).tolist()
    assert sorted(found) == ROWS.tolist()


def test_steps_of_epochs():
    assert step_count(7, 0.0, 100, 8) == 7
    assert step_count(7, 2.0, 100, 8) == 26
    assert step_count(7, 0.5, 96, 8) == 6
