"""What happens to photos after they are published."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from faceveil.errors import OptionError
from faceveil.evaluation.check import check_photos
from faceveil.evaluation.edits import edits_of
from faceveil.imaging.geometry import canonical_template
from faceveil.types import Face
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher


@pytest.fixture
def photo() -> np.ndarray:
    rng = np.random.default_rng(0)
    blocks = rng.integers(40, 200, (26, 40, 3))
    return np.kron(blocks, np.ones((10, 10, 1))).astype(np.uint8)


class Noisy:
    """Says male where neighbouring pixels differ much: what an edit smooths away."""

    info = BrightnessJudge("noisy").info

    def p_male(self, crops: np.ndarray) -> np.ndarray:
        rough = np.abs(np.diff(crops.astype(int), axis=2)).mean(axis=(1, 2, 3))
        return np.clip(rough / 20, 0, 1).astype(np.float32)


class OneFace:
    def detect(self, rgb: np.ndarray) -> tuple[Face, ...]:
        return (Face((0, 0, 9, 9), canonical_template(224).astype(np.float32) + 20, 0.9),)


def test_jpeg_is_pillows(photo: np.ndarray) -> None:
    (edit,) = edits_of("jpeg60")
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=60)
    np.testing.assert_array_equal(edit.apply(photo), np.asarray(Image.open(buffer)))


def test_resizing_loses_what_is_smaller_than_its_pixels(photo: np.ndarray) -> None:
    (half,) = edits_of("resize50")
    checkered = photo.copy()
    checkered[::2, ::2] = 255
    checkered[1::2, 1::2] = 255
    checkered[::2, 1::2] = 0
    checkered[1::2, ::2] = 0
    flat = half.apply(checkered)
    assert flat.shape == photo.shape
    assert np.abs(flat.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("size", [(260, 400), (1500, 900), (30, 2000)])
def test_a_screenshot_keeps_the_place_and_changes_every_size(size: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: size[0], : size[1]]
    ramp = np.stack([rows * 255 / size[0], columns * 255 / size[1], rows * 0], axis=-1)
    photo = ramp.astype(np.uint8)
    (edit,) = edits_of("screenshot")
    seen = edit.apply(photo)
    assert seen.shape == photo.shape
    assert np.abs(seen.astype(int) - photo).max() <= 4  # nothing moves by more than its pixel
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert (edit.apply(noise) != noise).mean() > 0.9


@pytest.mark.parametrize("text", ["", "jpeg", "jpeg0", "jpeg101", "resize100", "blur", "jpeg60;x"])
def test_refuses(text: str) -> None:
    with pytest.raises(OptionError, match=r"--after: got .*expected jpeg1 to jpeg100"):
        edits_of(text)


def test_the_protected_photo_is_read_again_after_each_edit(photo: np.ndarray) -> None:
    """Noise hides the answer; halving the photo takes the noise away, a good JPEG leaves it."""
    rng = np.random.default_rng(2)
    loud = np.clip(photo + rng.normal(0, 40, photo.shape), 0, 255).astype(np.uint8)
    edits = edits_of("jpeg95, resize25")
    asked = (OneFace(), [Noisy()], PatchMatcher(), 0.5)
    found = check_photos(photo, loud, *asked, edits=edits)
    assert found.checks[0].outcome == "other"
    assert {name: checks[0].outcome for name, checks in found.after.items()} == {
        "jpeg95": "other",
        "resize25": "read",
    }
    assert not found.passed
    assert found.to_dict()["after"]["resize25"][0]["label"] == "still read"
    assert check_photos(photo, loud, *asked, edits=edits[:1]).passed


def test_what_was_never_protected_is_not_by_an_edit(photo: np.ndarray) -> None:
    found = check_photos(
        photo, photo, OneFace(), [Noisy()], PatchMatcher(), 0.5, edits=edits_of("jpeg20")
    )
    assert found.after["jpeg20"][0].outcome == "unchanged"
