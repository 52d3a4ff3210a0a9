"""The check of one photo, and its words."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.check import PhotoCheck, check_faces, check_photos, known_draw
from faceveil.evaluation.metrics.quality import ssim_map
from faceveil.evaluation.verdict import (
    GenderReading,
    asked,
    label,
    outcome,
    verdict,
    worst,
)
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.geometry import canonical_from_landmarks, canonical_template
from faceveil.protect.targets import Draw
from faceveil.types import Face
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher, people

JUDGE, MATCHER = BrightnessJudge(gain=2), PatchMatcher()


class TwoFaces:
    """Finds two faces, of 112 and 224 px, side by side."""

    def detect(self, rgb: np.ndarray) -> tuple[Face, ...]:
        small = canonical_template(112).astype(np.float32) + np.float32([20, 30])
        large = canonical_template(224).astype(np.float32) + np.float32([150, 20])
        return (Face((0, 0, 9, 9), large, 0.9), Face((0, 0, 9, 9), small, 0.8))


class NoFace:
    def detect(self, rgb: np.ndarray) -> tuple[Face, ...]:
        return ()


@pytest.fixture
def photo() -> np.ndarray:
    crops = people(2, 1)[0]
    image = np.full((260, 400), 120, np.uint8)
    image[30:142, 20:132] = cv2.resize(crops[1], (112, 112), interpolation=cv2.INTER_AREA)
    image[20:244, 150:374] = crops[0]
    return np.repeat(image[..., None], 3, axis=2)


def readings(*pairs: tuple[float, float]) -> list[GenderReading]:
    return [GenderReading(f"r{i}", *pair) for i, pair in enumerate(pairs)]


SURE, COIN, OTHER = (0.9, 0.9), (0.9, 0.5), (0.9, 0.1)
UNSURE = (0.5, 0.5)


@pytest.mark.parametrize(
    ("pairs", "drawn", "expected"),
    [
        ([COIN], None, "unclear"),
        ([OTHER], None, "other"),
        ([SURE], None, "read"),
        ([UNSURE], None, "undecided_before"),
        ([(0.9, 0.58)], None, "unclear"),  # the band's ends belong to it
        ([(0.9, 0.581)], None, "read"),
        ([(0.1, 0.42)], None, "unclear"),
        ([(0.1, 0.419)], None, "read"),
        ([COIN, COIN, SURE], None, "read"),  # the worst of three decides
        ([OTHER, OTHER, COIN], None, "other"),
        ([OTHER, COIN, COIN], None, "unclear"),
        ([UNSURE, COIN, COIN], None, "unclear"),  # two of three could tell
        ([UNSURE, UNSURE, COIN], None, "undecided_before"),
        ([(0.1, 0.1), (0.9, 0.5), UNSURE], None, "undecided_before"),  # they contradict each other
        ([(0.1, 0.9), COIN, COIN], None, "read"),  # now reads what most read before
        ([UNSURE, OTHER, OTHER], None, "other"),
        ([SURE, SURE, SURE], 1.0, "as_drawn"),
        ([SURE, SURE, SURE], 0.0, "read"),
        ([OTHER, OTHER, COIN], 0.0, "as_drawn"),
        ([OTHER, COIN, COIN], 0.0, "unclear"),
        ([OTHER, OTHER, OTHER], 1.0, "other"),
        ([SURE, SURE, OTHER], 1.0, "read"),
        ([UNSURE, (0.5, 0.9), (0.5, 0.9)], 1.0, "as_drawn"),
    ],
)
def test_what_became_of_a_face(
    pairs: list[tuple[float, float]], drawn: float | None, expected: str
) -> None:
    assert outcome(readings(*pairs), changed=True, drawn=drawn) == expected
    mirrored = [(round(1 - a, 6), round(1 - b, 6)) for a, b in pairs]
    turned = None if drawn is None else 1 - drawn
    assert outcome(readings(*mirrored), changed=True, drawn=turned) == expected
    assert outcome(readings(*pairs), changed=False, drawn=drawn) == "unchanged"


def test_the_worst_reader_is_the_one_that_still_says_most() -> None:
    assert worst(readings((0.9, 0.4), (0.8, 0.6), (0.9, 0.2))).judge == "r1"
    assert worst(readings((0.1, 0.4), (0.2, 0.6), (0.1, 0.2))).judge == "r2"
    assert worst(readings((0.5, 0.4), (0.5, 0.6), (0.5, 0.1))).judge == "r2"  # showed nothing


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([(0.93, 0.12)], "Reads as the other gender: the reader says female (r0 0.93 -> 0.12)"),
        ([(0.93, 0.52)], "The reader can no longer decide (r0 0.93 -> 0.52)"),
        ([(0.93, 0.81)], "The reader still reads male (r0 0.93 -> 0.81)"),
        ([(0.07, 0.21)], "The reader still reads female (r0 0.07 -> 0.21)"),
        ([(0.45, 0.21)], "The reader could not decide before either (r0 0.45 -> 0.21)"),
        ([COIN, OTHER, SURE], "One of three readers still reads male (r2 0.90 -> 0.90)"),
        ([COIN, SURE, SURE], "Two of three readers still read male (r1 0.90 -> 0.90)"),
        ([COIN, COIN, OTHER], "None of three readers still reads male (r0 0.90 -> 0.50)"),
        (
            [OTHER, OTHER, COIN],
            "Reads as the other gender: three readers say female (r2 0.90 -> 0.50)",
        ),
        ([UNSURE] * 3, "Most of three readers could not decide before either (r0 0.50 -> 0.50)"),
    ],
)
def test_words_on_gender(pairs: list[tuple[float, float]], words: str) -> None:
    found = readings(*pairs)
    said = verdict(found, outcome(found, changed=True), 0.71, 0.43)
    assert said == f"{words}; the matcher still accepts the pair (0.71 >= 0.43)."


def test_words_where_nothing_of_the_gender_is_said() -> None:
    sure = readings(SURE)
    drawn = verdict(sure, "as_drawn", 0.2, 0.43)
    assert drawn == (
        "Reads as your key drew, which may be the truth; "
        "the face no longer matches its original (0.20 < 0.43)."
    )
    assert "did not change" in verdict(sure, "unchanged", 1, 0.43)


def test_labels() -> None:
    assert label("unclear", True) == "worked"
    assert label("other", True) == "reads as the other gender"
    assert label("as_drawn", True) == "as your key drew"
    assert label("unclear", False) == "no longer the same person"
    assert label("read", False) == "still read"
    assert asked(3) == "three readers; others may differ"
    assert asked(1) == "one reader; others may differ"


def test_faces_pass_only_where_hidden_and_matched() -> None:
    crops, male, _ = people(4, 1)
    shift = np.where(male == 1, -70, 70)[:, None, None]
    flipped = np.clip(crops.astype(int) + shift, 0, 255).astype(np.uint8)
    stranger = np.roll(flipped, 2, axis=0)
    cases = {"same": crops, "flipped": flipped, "stranger": stranger}
    found = {k: check_faces(crops, c, [JUDGE], MATCHER, 0.6) for k, c in cases.items()}
    outcomes = [{c.outcome for c in found[k]} for k in cases]
    assert outcomes == [{"unchanged"}, {"other"}, {"other"}]
    assert [all(c.match for c in found[k]) for k in cases] == [True, True, False]
    assert [all(c.passed for c in found[k]) for k in cases] == [False, True, False]
    same = found["same"][0]
    assert (same.psnr, same.ssim, same.similarity) == (None, 1, pytest.approx(1))
    json.dumps([c.to_dict() for c in found["flipped"]], allow_nan=False)


def test_the_worst_judge_decides() -> None:
    """The dull judge loses sight of a face that the sharp one still reads."""
    crops = np.stack([np.full((224, 224), level, np.uint8) for level in (98, 152)])
    nearer = np.stack([np.full((224, 224), level, np.uint8) for level in (112, 142)])
    for both in (crops, nearer):
        both[:, :112] += 10
        both[:, 112:] -= 10
    sharp, dull = BrightnessJudge("sharp", gain=2), BrightnessJudge("dull", gain=1)
    judges = {
        "dull": [dull],
        "sharp": [sharp],
        "all": [dull, sharp, BrightnessJudge("third", gain=1)],
    }
    found = {k: check_faces(crops, nearer, j, MATCHER, 0.5) for k, j in judges.items()}
    said = {k: [c.outcome for c in checks] for k, checks in found.items()}
    assert said == {"dull": ["unclear"] * 2, "sharp": ["read"] * 2, "all": ["read"] * 2}
    for alone, worst_of_three in zip(found["sharp"], found["all"], strict=True):
        assert worst_of_three.p_male_after == alone.p_male_after
        assert not worst_of_three.passed
        assert [r.judge for r in worst_of_three.readings] == ["dull", "sharp", "third"]


def test_jpeg_noise_is_no_change_and_a_known_change_is_one() -> None:
    crops = people(2, 1)[0]
    noise = np.random.default_rng(0).integers(0, 8, crops.shape) == 0
    written = (crops + noise).astype(np.uint8)  # an eighth of the pixels by one level
    assert {c.outcome for c in check_faces(crops, written, [JUDGE], MATCHER, 0.5)} == {"unchanged"}
    told = check_faces(crops, written, [JUDGE], MATCHER, 0.5, changed=[True, True])
    assert "unchanged" not in {c.outcome for c in told}


def test_drawn_targets(photo: np.ndarray) -> None:
    protected = np.clip(photo.astype(int) + 3, 0, 255).astype(np.uint8)
    draws = [Draw(seed=seed) for seed in range(8)]
    found = [
        check_photos(photo, protected, TwoFaces(), [JUDGE], MATCHER, 0.6, draw).checks
        for draw in draws
    ]
    frames = [canonical_from_landmarks(face.landmarks) for face in TwoFaces().detect(photo)]
    crops = [extract_crop(photo, matrix) for matrix in frames]
    sides = [check.p_male_after > 0.5 for check in found[0]]
    for draw, checks in zip(draws, found, strict=True):
        for crop, male, check in zip(crops, sides, checks, strict=True):
            assert check.outcome == ("as_drawn" if draw.male(crop) == male else "read")
    assert {c.outcome for checks in found for c in checks} == {"as_drawn", "read"}


def test_what_drew_is_known_or_not() -> None:
    key = bytes(range(32))
    assert known_draw("neutral", key) is None
    assert known_draw(None, b"") is None
    assert known_draw(None, key, "Ann") == Draw(key=key, person="Ann")
    assert known_draw("random", None, seed=4) == Draw(seed=4)
    assert known_draw("random", key, seed=4) == Draw(key=key)
    own = known_draw(None)
    assert own is not None
    assert len(own.key) == 32


def test_photo(photo: np.ndarray) -> None:
    protected = photo.copy()
    protected[20:244, 150:374] = np.clip(photo[20:244, 150:374].astype(int) + 70, 0, 255)
    found = check_photos(photo, protected, TwoFaces(), [JUDGE], MATCHER, 0.6)
    large, small = found.checks
    assert large.passed
    assert (small.outcome, small.psnr) == ("unchanged", None)
    assert found.asked == "one reader; others may differ"
    alone = check_photos(photo, protected, TwoFaces(), [JUDGE], MATCHER, 0.6, which="0")
    assert alone.faces[0].box == TwoFaces().detect(photo)[0].box
    assert len(alone.checks) == 1
    assert not found.passed
    assert found.psnr is not None
    assert large.psnr is not None
    assert large.psnr < found.psnr < 30
    whole = ssim_map(photo[..., 0], protected[..., 0])
    regions = np.concatenate([whole[20:244, 150:374].ravel(), whole[30:142, 20:132].ravel()])
    assert found.ssim == pytest.approx(regions.mean(), abs=0.01)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [f["passed"] for f in data["faces"]] == [True, False]


def test_unchanged_photo_and_photo_without_a_face(photo: np.ndarray) -> None:
    same = check_photos(photo, photo, TwoFaces(), [JUDGE], MATCHER, 0.6)
    assert (same.psnr, same.ssim, same.passed) == (None, pytest.approx(1), False)
    empty = check_photos(photo, photo, NoFace(), [JUDGE], MATCHER, 0.6)
    assert (empty.checks, empty.psnr, empty.ssim, empty.passed) == ((), None, None, False)
    assert isinstance(empty, PhotoCheck)


def test_refuses(photo: np.ndarray) -> None:
    with pytest.raises(OptionError, match="400x260 and 400x259"):
        check_photos(photo, photo[1:], TwoFaces(), [JUDGE], MATCHER, 0.6)
    with pytest.raises(OptionError, match="RGB"):
        check_photos(photo[..., 0], photo[..., 0], TwoFaces(), [JUDGE], MATCHER, 0.6)
    crops = people(2, 1)[0]
    with pytest.raises(OptionError, match="pass threshold="):
        check_faces(crops, crops, [JUDGE], MATCHER)
    with pytest.raises(OptionError, match="at least one gender judge"):
        check_faces(crops, crops, [], MATCHER, 0.5)
    with pytest.raises(OptionError, match="equal shapes"):
        check_faces(crops, crops[:1], [JUDGE], MATCHER, 0.5)
