"""Callables as judges: told apart, checked at each call, and located where they fail."""

import pickle

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.judges import python_object
from faceveil.judges.base import GenderJudge, JudgeInfo, Matcher
from faceveil.judges.python_object import (
    CallableGenderJudge,
    CallableMatcher,
    CropError,
    python_judge,
)

INFO = JudgeInfo("mine", "a test", "MIT", "none")
CROPS = np.random.default_rng(0).integers(0, 256, (40, 224, 224, 3), dtype=np.uint8)
CROPS[:, 0, 0, 0] = np.arange(40)  # so that a function can tell them apart


def number(crops):
    return crops[:, 0, 0, 0]


def brightness(crops):
    return crops.mean(axis=(1, 2, 3)) / 255


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(python_object, "CHUNK", 16)


def at(index, value, base=brightness):
    """A function that answers ``value`` for the crop of that number."""

    def function(crops):
        out = np.array(base(crops), np.float64)
        out[number(crops) == index] = value
        return out

    return function


def test_the_37th_crop_is_named():
    def function(crops):
        if (number(crops) == 36).any():
            raise ValueError("no face\nin it")
        return brightness(crops)

    with pytest.raises(CropError) as caught:
        CallableGenderJudge(function, INFO).p_male(CROPS)
    assert caught.value.crops == (36,)
    text = "mine: crop 36 (counted from 0): ValueError: no face; expected an answer for uint8"
    assert str(caught.value).startswith(text)
    assert isinstance(caught.value.__cause__, ValueError)


def test_what_fails_only_together_names_the_chunk():
    def function(crops):
        if len(crops) > 8:
            raise MemoryError("too many")
        return brightness(crops)

    with pytest.raises(CropError, match=r"crops 0 to 15 .*MemoryError: too many.*one by one"):
        CallableGenderJudge(function, INFO).p_male(CROPS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "returned nan; expected finite"),
        (np.inf, "returned inf; expected finite"),
        (1e300, "returned inf; expected finite"),
        (1.5, r"returned 1\.5; expected P\(male\) in 0 to 1"),
        (-0.2, r"returned -0\.2; expected P\(male\) in 0 to 1"),
    ],
)
def test_answers_that_are_no_probability(value, message):
    with pytest.raises(CropError, match=message) as caught:
        CallableGenderJudge(at(33, value), INFO).p_male(CROPS)
    assert caught.value.crops == (33,)


def test_rounding_above_1_is_no_error():
    p = CallableGenderJudge(at(3, 1 + 1e-7), INFO).p_male(CROPS)
    assert p[3] == 1
    np.testing.assert_allclose(np.delete(p, 3), np.delete(brightness(CROPS), 3), rtol=1e-6)


def test_embeddings_have_unit_length_and_a_direction():
    def colour(crops):
        return crops.mean(axis=(1, 2)) * 1e30  # whose square is beyond float32

    out = CallableMatcher(colour, INFO).embed(CROPS)
    mean = CROPS.mean(axis=(1, 2))
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    assert out.dtype == np.float32
    with pytest.raises(CropError, match=r"returned 0, 0, 0; expected a vector") as caught:
        CallableMatcher(at(20, 0, colour), INFO).embed(CROPS)
    assert caught.value.crops == (20,)


@pytest.mark.parametrize(
    "function",
    [
        lambda crops: np.zeros(len(crops) - 1),
        lambda crops: np.zeros((len(crops), 3)),
        lambda crops: np.zeros((len(crops), 1, 1)),
        lambda crops: 0.5,
        lambda crops: np.zeros((len(crops), 0)),
    ],
)
def test_wrong_shapes_are_told_with_the_right_one(function):
    with pytest.raises(ModelError, match=r"mine: returned shape .*; expected \(16,\) P\(male\)"):
        CallableGenderJudge(function, INFO).p_male(CROPS)


def test_embeddings_that_change_their_width():
    def function(crops):
        return np.ones((len(crops), 3 + int(number(crops)[0] > 0)))

    with pytest.raises(ModelError, match=r"\(16, 4\).*\(3,\) as before"):
        CallableMatcher(function, INFO).embed(CROPS)


def test_the_function_cannot_change_the_crops_nor_get_many_at_once():
    sizes = []

    def function(crops):
        sizes.append(len(crops))
        out = brightness(crops)
        crops[:] = 0
        return out

    before = CROPS.copy()
    CallableGenderJudge(function, INFO).p_male(CROPS)
    np.testing.assert_array_equal(CROPS, before)
    assert sizes == [16, 16, 8]


def test_no_crops():
    assert CallableGenderJudge(brightness, INFO).p_male(CROPS[:0]).shape == (0,)
    assert CallableMatcher(brightness, INFO).embed(CROPS[:0]).shape == (0, 0)


@pytest.mark.parametrize("crops", [CROPS[..., 0], CROPS / 255, CROPS[:, :112], CROPS[0]])
def test_what_are_no_crops(crops):
    with pytest.raises(OptionError, match=r"expected uint8 \(N, 224, 224, 3\)"):
        CallableGenderJudge(brightness, INFO).p_male(crops)


def two(crops):
    return np.stack([1 - brightness(crops), brightness(crops)], axis=1)


def test_two_numbers_a_crop_need_a_kind():
    with pytest.raises(ModelError, match=r"returned shape \(2, 2\).*judge_kind"):
        python_judge(two, "two")
    judge = python_judge(two, "two", "embedding")
    assert isinstance(judge, Matcher)
    expected = two(CROPS) / np.linalg.norm(two(CROPS), axis=1, keepdims=True)
    np.testing.assert_allclose(judge.embed(CROPS), expected, rtol=1e-6)
    with pytest.raises(ModelError, match=r"expected \(2,\) P\(male\)"):
        python_judge(two, "two", "gender")
    with pytest.raises(ModelError, match=r"expected \(2, D\) embeddings"):
        python_judge(brightness, "b", "embedding")


def test_attributes_of_the_function():
    def function(crops):
        return two(crops)

    function.judge_kind, function.judge_info = "embedding", INFO
    judge = python_judge(function, "spec")
    assert isinstance(judge, Matcher)
    assert judge.info == INFO
    assert python_judge(brightness, "spec").info.name == "spec"
    function.judge_kind = "age"
    with pytest.raises(OptionError, match="'age'; expected gender or embedding"):
        python_judge(function, "spec")


def test_a_column_is_p_male_and_flat_crops_are_not_asked_for():
    def standardised(crops):
        spread = crops.std(axis=(1, 2, 3))
        assert (spread > 0).all()
        return (spread / 255)[:, None]

    judge = python_judge(standardised, "s")
    assert isinstance(judge, GenderJudge)
    np.testing.assert_allclose(judge.p_male(CROPS), CROPS.std(axis=(1, 2, 3)) / 255, rtol=1e-5)


def test_errors_pass_between_processes_and_arrays():
    error = CropError("j", [2, 3], "broken")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "j: crops 2 to 3 (counted from 0): broken"
    assert again.moved([5, 6, 7, 9]).crops == (7, 9)
