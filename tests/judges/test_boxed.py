"""Judges that want a square about the detected box: geometry, cards, and who gets which crop."""

from __future__ import annotations

import numpy as np
import pytest

from faceveil.errors import ModelError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.boxed import BoxedGenderJudge, boxed, margins, p_male, square_crop
from faceveil.judges.cache import identity
from faceveil.judges.onnx_judge import OnnxGenderJudge
from faceveil.judges.registry import CARDS, load_card
from faceveil.types import Face
from tests.judges.tiny import card, echo, parsed


def face(*box):
    return Face(box, np.zeros((5, 2), np.float32))


def test_the_square_by_hand():
    """A photo whose pixels say where they are: x in red, y in green."""
    y, x = np.mgrid[:200, :200]
    photo = np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)
    # 40 x 80, so the square is 80 wide, 112 with its margins: from 44 to 156 and from 34 to 146.
    crop = square_crop(photo, face(80, 50, 120, 130), 0.2)
    assert crop.shape == (224, 224, 3)
    expected = 44 + (np.arange(224) + 0.5) / 2 - 0.5  # two pixels of the crop to one of the photo
    np.testing.assert_allclose(crop[100, :, 0], expected, atol=0.6)
    np.testing.assert_allclose(crop[:, 100, 1], expected - 10, atol=0.6)


def test_a_whole_photo_is_itself_and_beyond_it_the_border_is_repeated():
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    np.testing.assert_array_equal(square_crop(photo, face(0, 0, 224, 224), 0.0), photo)
    wide = square_crop(photo, face(-100, 50, 100, 100), 0.0)
    np.testing.assert_array_equal(wide[100, 0], wide[100, 90])


def test_cards():
    assert parsed().photo is None
    assert parsed(photo={"margin": 0.2}).photo.margin == 0.2
    with pytest.raises(ModelError, match="margin from 0"):
        parsed(photo={"margin": -1})
    with pytest.raises(ModelError, match="photo is for gender"):
        parsed(task="embedding", photo={"margin": 0.2})
    with pytest.raises(ModelError, match="correct the card"):
        parsed(photo={"width": 3})
    wanted = {p.stem: load_card(p).photo for p in CARDS.glob("*.json")}
    assert {name for name, photo in wanted.items() if photo is not None} == {
        "ssrnet_gender_imdb", "ssrnet_gender_wiki", "oarriaga_gender_mini_xception",
    }  # fmt: skip


def test_the_square_is_shown_whole(tmp_path):
    """Not zoomed as the canonical crop is: the model gives back its input, column 0 the corner."""
    digest = echo(tmp_path / "tiny.onnx", ["N", 1, 8, 8])
    spec = {"input": {"size": 8, "channels": "gray", "scale": 1 / 255}, "sha256": digest}
    spec |= {"crop": {"frame": "arcface", "zoom": 0.5}, "photo": {"margin": 0.3}}
    plain = OnnxGenderJudge(parsed(**spec), tmp_path, threads=1)
    judge = boxed(plain, tmp_path, 1)
    assert isinstance(judge, BoxedGenderJudge)
    assert margins([judge, plain]) == (0.3,)
    crops = np.zeros((1, 224, 224, 3), np.uint8)
    crops[:, :28, :28] = 255  # the corner, which half of ArcFace's frame leaves out
    assert p_male(judge, crops, {}) == plain.p_male(crops) == 0
    assert p_male(judge, crops * 0, {0.3: crops}) == pytest.approx(1)
    assert p_male(plain, crops * 0, {0.3: crops}) == 0
    assert identity(judge.square) != identity(judge.canonical)  # kept answers must not mix
    assert card()["name"] == judge.info.name


def test_others_stay_as_they_are(tmp_path):
    class Own:
        info = JudgeInfo("own", "", "", "")

        def p_male(self, crops):
            return np.zeros(len(crops), np.float32)

    judge = Own()
    assert boxed(judge, tmp_path) is judge
