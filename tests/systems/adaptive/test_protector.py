"""The default protector, with the weights that the package carries."""

from __future__ import annotations

import numpy as np
import pytest

import faceveil
from faceveil.errors import OptionError
from faceveil.imaging.crop import LUMA
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.inference.session import session
from faceveil.protect.protector import Protector
from faceveil.systems.adaptive.protector import AdaptiveProtector, calmer
from faceveil.systems.obscure import Blur
from faceveil.systems.specs import DEFAULT, build_crop_protector
from tests.protect.fakes import FixedDetector

RNG = np.random.default_rng(0)
CROPS = RNG.integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)


class Deaf:
    """An estimator that nobody may ask."""

    def p_male(self, luma):
        raise AssertionError("asked for a gender")


@pytest.fixture(scope="module")
def method():
    return AdaptiveProtector(WEIGHTS / "adaptive.onnx", choice=Choice(threads=1))


@pytest.fixture(scope="module")
def protector(method):
    return Protector(method, Deaf(), FixedDetector())


def test_it_is_the_default():
    assert build_crop_protector("default", choice=Choice(threads=1)).name == DEFAULT == "adaptive"
    assert faceveil.load_protector(threads=1).name == DEFAULT


def test_nobodys_gender_is_asked(protector):
    photo = RNG.integers(0, 256, (160, 160, 3), dtype=np.uint8)
    done = protector.protect_photo(photo)
    assert done.faces[0].gender is None
    assert done.faces[0].p_male is None
    assert not done.faces[0].gender_given
    assert done.faces[0].target in ("male", "female")  # drawn by this machine's key
    assert protector.protect_photo(photo, target="neutral").faces[0].target == "neutral"
    assert (done.image != photo).any()
    for options in ({"target": "random"}, {"key": bytes(range(32))}, {"person": "Ada"}):
        assert protector.protect_photo(photo, **options).faces[0].target in ("male", "female")
    with pytest.raises(AssertionError, match="asked"):
        protector.protect_photo(photo, target="opposite")


def test_gender_makes_no_difference(protector, method):
    nobody = protector.protect_crops(CROPS)
    for genders in ([0, 1], [1, 0]):
        np.testing.assert_array_equal(protector.protect_crops(CROPS, genders), nobody)
    told = method.protect(CROPS / np.float32(255), np.zeros(2, np.float32), np.ones(2, np.float32))
    other = method.protect(CROPS / np.float32(255), np.ones(2, np.float32), np.ones(2, np.float32))
    np.testing.assert_array_equal(told, other)


def test_targets_differ(protector):
    made = [protector.protect_crops(CROPS, [0, 0], target=t) for t in ("neutral", "same")]
    made.append(protector.protect_crops(CROPS, [0, 0], target="opposite"))
    assert all((a != b).any() for a, b in zip(made, made[1:] + made[:1], strict=True))


def test_strength_is_linear_and_nothing_at_nought(protector):
    grey = np.full((1, 224, 224, 3), 128, np.uint8)
    np.testing.assert_array_equal(protector.protect_crops(grey, strength=0), grey)
    half, full = (protector.protect_crops(grey, strength=s).astype(int) for s in (0.4, 0.8))
    assert np.abs(2 * (half - 128) - (full - 128)).max() <= 2


def test_a_batch_is_its_faces(protector):
    both = protector.protect_crops(CROPS)
    alone = np.concatenate([protector.protect_crops(CROPS[k : k + 1]) for k in range(2)])
    assert np.abs(both.astype(int) - alone).max() <= 1
    assert len(protector.protect_crops(CROPS[:0])) == 0


def test_a_blur_has_no_targets():
    blur = Protector(Blur(), Deaf(), FixedDetector())
    photo = RNG.integers(0, 256, (160, 160, 3), dtype=np.uint8)
    assert blur.protect_photo(photo).faces[0].gender is None
    for options in ({"target": "opposite"}, {"key": bytes(range(32))}):
        with pytest.raises(OptionError, match="blur does the same to every face; leave it out"):
            blur.protect_photo(photo, **options)
        with pytest.raises(OptionError, match="leave it out"):
            blur.protect_crops(CROPS, **options)


def test_calmer_keeps_luma_and_takes_colour():
    change = RNG.normal(0, 0.1, (2, 64, 64, 3)).astype(np.float32)
    grey = change @ LUMA
    for smoothing, gain in ((0.0, 0.5), (7.0, 0.5), (7.0, 0.0)):
        np.testing.assert_allclose(calmer(change, smoothing, gain) @ LUMA, grey, atol=1e-5)
    np.testing.assert_allclose(
        calmer(change, 0.0, 0.5) - grey[..., None], (change - grey[..., None]) / 2, atol=1e-6
    )
    np.testing.assert_allclose(calmer(change, 0.0, 1.0), change, atol=1e-6)
    smooth = calmer(change, 14.0, 1.0) - grey[..., None]  # 4 pixels of 64
    assert smooth.std() < 0.2 * (change - grey[..., None]).std()


def test_a_mirror_image_becomes_the_mirror_image(protector):
    flipped = np.ascontiguousarray(CROPS[:, :, ::-1])
    mirrored = protector.protect_crops(flipped, target="neutral")[:, :, ::-1]
    wanted = protector.protect_crops(CROPS, target="neutral")
    assert np.abs(mirrored.astype(int) - wanted).max() <= 1


def test_many_crops_are_as_few(protector):
    many = np.concatenate([CROPS] * 40)
    assert (
        np.abs(
            protector.protect_crops(many)[-2:].astype(int) - protector.protect_crops(CROPS)
        ).max()
        <= 1
    )


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_constant_target_is_the_same_function(device):
    """Against the graph as it was exported, which takes a target for each face."""
    method = AdaptiveProtector(WEIGHTS / "adaptive.onnx", Choice(device, threads=1))
    faces = RNG.random((5, 128, 128, 3), np.float32)
    target = np.array([0.5, 1, 0, 1, 0.5], np.float32)
    whole = session(WEIGHTS / "adaptive.onnx", method.card["sha256"], Choice(threads=1))
    feed = {"image": np.ascontiguousarray(faces.transpose(0, 3, 1, 2)), "target": target}
    expected = whole.run(None, feed)[0].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(method._changed(faces, target), expected, atol=3e-5)
    assert np.abs(expected[1] - faces[1]).max() > 0.05


def test_networks_loaded_later_run_on_what_was_chosen_first():
    method = AdaptiveProtector(WEIGHTS / "adaptive.onnx", Choice("cpu", threads=1))
    method.protect(CROPS / np.float32(255), np.zeros(2, np.float32), np.ones(2, np.float32))
    assert {n.runs_on for n in method._models.values()} == {"CPU"}
    assert sorted(method._models) == [0.0, 1.0]
