"""Random targets: what decides them, and who can tell."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.protect.photo import PhotoOptions
from faceveil.protect.targets import (
    DEFAULT_STRENGTH,
    Draw,
    gender_name,
    numeric_targets,
    strength_of,
)
from tests.protect.fakes import BrightenProtector

CROPS = np.random.default_rng(0).integers(0, 256, (400, 8, 8), dtype=np.uint8)
MALE = (np.arange(400) % 2).astype(np.float32)
KEY = bytes(range(32))


def drawn(draw, crops=CROPS):
    return numeric_targets(MALE[: len(crops)], "random", crops, draw)


@pytest.mark.parametrize("draw", [Draw(3), Draw(key=KEY)])
def test_each_is_a_coin_that_knows_nothing_of_the_gender(draw):
    found = drawn(draw)
    assert set(found) == {0.0, 1.0}
    assert abs(found.mean() - 0.5) < 0.1  # four standard deviations
    assert abs((found == MALE).mean() - 0.5) < 0.1
    np.testing.assert_array_equal(drawn(draw, CROPS[::-1])[::-1], found)  # whatever the order


def test_keys_and_seeds_disagree_as_often_as_coins_do():
    draws = [Draw(0), Draw(1), Draw(key=KEY), Draw(key=KEY[::-1]), Draw(0, KEY[:16])]
    results = [drawn(d) for d in draws]
    for i, a in enumerate(results):
        for b in results[i + 1 :]:
            assert abs((a == b).mean() - 0.5) < 0.12
    np.testing.assert_array_equal(drawn(Draw(7, KEY)), drawn(Draw(8, KEY)))  # the key replaces it


def test_a_person_gets_one_target_and_people_differ():
    assert len(set(drawn(Draw(key=KEY, person="Ada")))) == 1
    names = [f"person {i}" for i in range(300)]
    found = [Draw(key=KEY, person=n).male(CROPS[0]) for n in names]
    assert abs(np.mean(found) - 0.5) < 0.12
    other = [Draw(key=KEY[::-1], person=n).male(CROPS[0]) for n in names]
    assert abs(np.mean(np.equal(found, other)) - 0.5) < 0.12


def test_known_answer():
    """The construction is fixed: other code can tell the same targets from the same key."""
    import hashlib
    import hmac

    digest = hmac.new(KEY, b"person\0Ada", hashlib.sha256).digest()
    assert Draw(key=KEY, person="Ada").male(CROPS[0]) == digest[0] & 1


def test_short_keys_and_keys_without_use_are_refused():
    with pytest.raises(
        OptionError, match="got 15 bytes, 15 of them different; expected at least 16"
    ):
        Draw(key=KEY[:15])
    with pytest.raises(OptionError, match="got 3 bytes"):
        PhotoOptions(target="random", key=b"abc")
    for wrong in ({"key": KEY}, {"person": "Ada"}):
        with pytest.raises(OptionError, match="add target random"):
            PhotoOptions(target="opposite", **wrong)


def test_keys_do_not_show_when_printed():
    secret = b"a secret of thirty-two bytes long"
    options = PhotoOptions(key=secret, person="Ada", own=secret)
    for thing in (Draw(3, secret), options, options.draw):
        assert "secret" not in repr(thing)
    assert "Ada" in repr(options)


def test_words_for_genders():
    assert [gender_name(m) for m in (0.0, 0.5, 1.0)] == ["female", None, "male"]


def test_what_stands_in_for_the_face_does_so_whole():
    from faceveil.systems.obscure import BlackBox

    assert strength_of(BlackBox(), None) == 1
    assert strength_of(BlackBox(), 0.3) == 0.3
    assert strength_of(BrightenProtector(), None) == DEFAULT_STRENGTH
