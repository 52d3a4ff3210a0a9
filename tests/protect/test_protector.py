"""The object that users hold."""

import numpy as np
import pytest

from faceveil.errors import FaceVeilError, OptionError, PhotoError
from faceveil.protect.protector import Protector
from tests.protect.fakes import BrightenProtector, FixedDetector, FixedEstimator


@pytest.fixture
def protector():
    return Protector(BrightenProtector(), FixedEstimator(0.9), FixedDetector())


def crops(*shape):
    return np.random.default_rng(0).integers(60, 190, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(2, 224, 224), (3, 224, 224, 3), (0, 224, 224)])
def test_crops_keep_shape_and_change_as_told(protector, shape):
    batch = crops(*shape)
    genders = [0, 1, 0][: len(batch)]
    out = protector.protect_crops(batch, genders, strength=1.0)
    assert out.shape == batch.shape
    for before, after, gender in zip(batch, out, genders, strict=True):
        change = after.astype(int) - before
        assert abs(change.mean() - (51 if gender == 0 else -51)) < 1


def test_estimated_gender(protector):
    batch = crops(1, 224, 224)
    assert protector.protect_crops(batch).mean() < batch.mean()  # a man, so darker


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((224, 224), np.uint8),
        np.zeros((1, 224, 224), np.float32),
        np.zeros((1, 112, 112), np.uint8),
        np.zeros((1, 224, 224, 4), np.uint8),
        "photo.jpg",
    ],
)
def test_bad_crops_say_what_came(protector, bad):
    with pytest.raises(OptionError, match=r"expected uint8 \(N, 224, 224\)") as caught:
        protector.protect_crops(bad)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("genders", [[0], [0, 2], [0.5, 1]])
def test_bad_genders(protector, genders):
    with pytest.raises(OptionError, match="genders"):
        protector.protect_crops(crops(2, 224, 224), genders)


def test_photo_from_array_and_file(protector, tmp_path):
    import cv2

    array = crops(200, 180, 3)
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), array[..., ::-1])
    a, b = protector.protect_photo(array), protector.protect_photo(path)
    assert np.array_equal(a.image, b.image)
    assert a.image.shape == array.shape
    assert len(a.faces) == 1


def test_own_faces(protector):
    face = FixedDetector().faces[0]
    blind = Protector(BrightenProtector(), FixedEstimator(), FixedDetector(()))
    assert blind.protect_photo(crops(200, 180, 3)).faces == ()
    assert blind.protect_photo(crops(200, 180, 3), faces=[face]).faces[0].face is face


def test_bad_photos(protector, tmp_path):
    with pytest.raises(PhotoError, match="expected uint8"):
        protector.protect_photo(np.zeros((4, 4), np.float32))
    with pytest.raises(FaceVeilError, match="no such file"):
        protector.protect_photo(tmp_path / "none.png")
    with pytest.raises(OptionError, match="target"):
        protector.protect_photo(crops(200, 180, 3), target="other")


def test_default_strength_is_the_one_of_the_command_line(protector):
    from faceveil.cli.main import build_parser
    from faceveil.protect.photo import PhotoOptions

    parsed = build_parser().parse_args(["protect", "x", "-o", "y"])
    assert parsed.strength == PhotoOptions().strength
    batch = crops(1, 224, 224)
    explicit = protector.protect_crops(batch, [0], strength=parsed.strength)
    assert np.array_equal(protector.protect_crops(batch, [0]), explicit)
