"""The check of one photo, and its words."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.check import PhotoCheck, check_faces, check_photos
from faceveil.evaluation.metrics.quality import ssim_map
from faceveil.evaluation.verdict import GenderReading, is_hidden, verdict
from faceveil.imaging.geometry import canonical_template
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


@pytest.mark.parametrize(
    ("before", "after", "hidden"),
    [
        (0.9, 0.1, True),
        (0.1, 0.9, True),
        (0.9, 0.65, True),
        (0.9, 0.66, False),
        (0.1, 0.35, True),
        (0.1, 0.34, False),
        (0.55, 0.2, True),
        (0.5, 0.9, False),
    ],
)
def test_when_a_gender_is_hidden(before: float, after: float, hidden: bool) -> None:
    assert is_hidden(before, after) is hidden


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (0.93, 0.12, "The gender judge now reads the opposite gender (0.93 -> 0.12)"),
        (0.93, 0.52, "The gender judge can no longer decide (0.93 -> 0.52)"),
        (0.93, 0.81, "The gender judge still reads male (0.93 -> 0.81)"),
        (0.07, 0.21, "The gender judge still reads female (0.07 -> 0.21)"),
    ],
)
def test_words_on_gender(before: float, after: float, words: str) -> None:
    found = verdict([GenderReading("j", before, after)], 0.71, 0.43)
    assert found == f"{words}; the matcher still accepts the pair (0.71 >= 0.43)."


def test_words_on_identity_and_several_judges() -> None:
    readings = [GenderReading("a", 0.9, 0.1), GenderReading("b", 0.8, 0.7)]
    found = verdict(readings, 0.2, 0.43)
    assert found == (
        "1 of 2 gender judges no longer reads what they read before (still: b 0.80 -> 0.70); "
        "the face no longer matches its original (0.20 < 0.43)."
    )
    assert verdict(readings[:1] * 2, 0.5, 0.43).startswith("All of 2 gender judges")
    assert verdict(readings[1:] * 2, 0.5, 0.43).startswith("None of 2 gender judges")


def test_faces_pass_only_where_hidden_and_matched() -> None:
    crops, male, _ = people(4, 1)
    shift = np.where(male == 1, -70, 70)[:, None, None]
    flipped = np.clip(crops.astype(int) + shift, 0, 255).astype(np.uint8)
    stranger = np.roll(flipped, 2, axis=0)
    cases = {"same": crops, "flipped": flipped, "stranger": stranger}
    found = {k: check_faces(crops, c, [JUDGE], MATCHER, 0.6) for k, c in cases.items()}
    assert [all(c.hidden for c in found[k]) for k in cases] == [False, True, True]
    assert [all(c.match for c in found[k]) for k in cases] == [True, True, False]
    assert [all(c.passed for c in found[k]) for k in cases] == [False, True, False]
    same = found["same"][0]
    assert (same.psnr, same.ssim, same.similarity) == (None, 1, pytest.approx(1))
    json.dumps([c.to_dict() for c in found["flipped"]], allow_nan=False)


def test_every_judge_must_be_hidden_from() -> None:
    crops = people(2, 1)[0]
    deaf = BrightnessJudge("deaf", gain=-2)
    darker = np.clip(crops.astype(int) - 60, 0, 255).astype(np.uint8)
    both = check_faces(crops, darker, [JUDGE, deaf], MATCHER, 0.5)
    each = [check_faces(crops, darker, [j], MATCHER, 0.5) for j in (JUDGE, deaf)]
    for i, check in enumerate(both):
        assert check.hidden == all(e[i].hidden for e in each)
        assert check.p_male_after == pytest.approx(np.mean([e[i].p_male_after for e in each]))


def test_photo(photo: np.ndarray) -> None:
    protected = photo.copy()
    protected[20:244, 150:374] = np.clip(photo[20:244, 150:374].astype(int) + 70, 0, 255)
    found = check_photos(photo, protected, TwoFaces(), [JUDGE], MATCHER, 0.6)
    large, small = found.checks
    assert large.passed
    assert not small.hidden
    assert small.psnr is None
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
