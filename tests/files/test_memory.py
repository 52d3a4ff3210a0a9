"""The bound on pixels in memory: what fits goes in, in the order it came."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceveil.files.memory import Budget, hand_back_large_blocks, memory_for
from tests.files.test_batch import run, write_photo


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 15), min_size=1, max_size=12))
def test_never_more_than_there_is_except_one_alone(amounts):
    budget, inside, lock, worst = Budget(10), [], threading.Lock(), []

    def work(amount):
        with budget.take(amount):
            with lock:
                inside.append(amount)
                worst.append(sum(inside) if len([a for a in inside if a]) > 1 else 0)
            time.sleep(0.0005)
            with lock:
                inside.remove(amount)

    threads = [threading.Thread(target=work, args=(a,)) for a in amounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(t.is_alive() for t in threads)
    assert max(worst) <= 10


def test_a_large_one_is_not_passed_by_small_ones():
    budget, order = Budget(10), []
    first = budget.take(5)
    first.__enter__()

    def work(amount):
        with budget.take(amount):
            order.append(amount)

    threads = []
    for amount in (10, 1, 2):
        threads.append(threading.Thread(target=work, args=(amount,)))
        threads[-1].start()
        time.sleep(0.05)
    assert order == []
    first.__exit__(None, None, None)
    for thread in threads:
        thread.join(20)
    assert order[0] == 10


def test_room_is_given_back_after_an_error():
    budget = Budget(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), budget.take(5):
            raise ZeroDivisionError
    with budget.take(1):
        pass


def test_files_that_will_be_refused_need_none(tmp_path):
    data = write_photo(tmp_path / "x.png").read_bytes()
    with memory_for(data, max_pixels=10), memory_for(b"no photo", max_pixels=10):
        pass


def test_batch_works_with_memory_for_one_photo_only(tmp_path, monkeypatch):
    monkeypatch.setattr("faceveil.files.memory._PIXELS", Budget(1))
    for i in range(5):
        write_photo(tmp_path / "in" / f"{i}.png", i)
    assert {r.status for r in run(tmp_path / "in", tmp_path / "out", workers=4)} == {"protected"}


def test_asking_malloc_is_harmless():
    hand_back_large_blocks()
