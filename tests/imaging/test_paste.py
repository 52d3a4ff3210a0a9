"""Crops and paste-back."""

import numpy as np
import pytest

from faceveil.imaging.crop import extract_crop, grey_levels, luma
from faceveil.imaging.geometry import CANONICAL_224, canonical_from_landmarks, invert, transform
from faceveil.imaging.paste import Patch, apply_patches, crop_patch, feather_mask
from faceveil.imaging.photo import Photo, as_rgb, from_rgb


def landmarks(scale=1.0, shift=(0, 0), angle=0.0):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (CANONICAL_224 - 112) @ turn.T * scale + 112 * scale + shift


def smooth(height, width):
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, (x + y) // 2 % 256], axis=-1).astype(np.uint8)


def test_luma_is_bt601():
    rgb = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)
    np.testing.assert_allclose(luma(rgb), [0.299, 0.587, 0.114, 1.0], atol=1e-6)


def test_luma_of_grey_and_colour():
    grey = np.random.default_rng(0).integers(0, 256, (2, 224, 224), dtype=np.uint8)
    colour = np.repeat(grey[..., None], 3, axis=3)
    assert grey_levels(grey) is grey
    np.testing.assert_array_equal(grey_levels(colour), grey)
    np.testing.assert_array_equal(luma(grey), grey / np.float32(255))
    np.testing.assert_allclose(luma(colour), luma(grey), atol=1e-6)
    assert grey_levels(np.array([[100, 0, 0]], np.uint8)).tolist() == [30]


def test_crop_of_a_face_on_the_template_is_the_photo():
    photo = smooth(224, 224)
    assert np.array_equal(extract_crop(photo, canonical_from_landmarks(CANONICAL_224)), photo)


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2])
@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_crop_samples_the_right_places(scale, angle):
    y, x = np.mgrid[:1000, :1000]
    ramp = np.stack([x * 0.25, y * 0.25, np.full_like(x, 7)], axis=-1).astype(np.uint8)
    matrix = canonical_from_landmarks(landmarks(scale, (30, 25), angle))
    crop = extract_crop(ramp, matrix).astype(float)
    columns, rows = np.meshgrid(np.arange(224), np.arange(224))
    where = transform(invert(matrix), np.stack([columns.ravel(), rows.ravel()], 1))
    inside = ((where > 1) & (where < 998)).all(axis=1)
    assert inside.mean() > 0.3
    expected = where * 0.25 - 0.375  # truncation to bytes lowers the ramp by 3/8 on average
    error = np.abs(crop.reshape(-1, 3)[:, :2] - expected)[inside]
    assert np.median(error) <= 0.5
    assert error.max() < 1.5


def test_large_faces_do_not_alias():
    y, x = np.mgrid[:2400, :2400]
    checker = (((x + y) % 2) * 255).astype(np.uint8)
    matrix = canonical_from_landmarks(landmarks(10.0))
    crop = extract_crop(np.repeat(checker[..., None], 3, 2), matrix)
    assert np.abs(crop[20:-20, 20:-20].astype(int) - 127).max() <= 8


def test_mask_is_zero_on_the_border_and_one_on_the_face():
    mask = feather_mask()
    for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]):
        assert (edge == 0).all()
    for x, y in CANONICAL_224:
        assert mask[round(y), round(x)] == 1
    assert np.abs(np.diff(mask, axis=0)).max() < 0.06  # no step that would show as a seam


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_patch_puts_the_change_where_the_face_is(scale):
    points = landmarks(scale, (60 * scale, 50 * scale), 0.2)
    shape = (round(340 * scale), round(360 * scale), 3)
    patch = crop_patch(
        np.full((224, 224), 0.1, np.float32), canonical_from_landmarks(points), shape
    )
    full = np.zeros(shape[:2], np.float32)
    h, w = patch.change.shape
    full[patch.y : patch.y + h, patch.x : patch.x + w] = patch.change
    for x, y in points:
        assert full[round(y), round(x)] == pytest.approx(0.1, abs=1e-3)
    assert full[0].max() == 0
    assert patch.change.min() > -0.01


def test_face_reaching_out_of_the_photo():
    points = landmarks(1.0, (-80, -60))
    patch = crop_patch(np.full((224, 224), 0.1, np.float32), canonical_from_landmarks(points),
                       (150, 140, 3))  # fmt: skip
    assert patch.x == patch.y == 0
    photo = from_rgb(smooth(150, 140))
    assert apply_patches(photo, [patch]).pixels.shape == (150, 140, 3)


def test_crop_of_the_pasted_photo_is_the_protected_crop():
    """What a judge cuts out of the photo is what the protector made, inside the mask."""
    rng = np.random.default_rng(0)
    import cv2

    change = cv2.GaussianBlur(rng.normal(0, 0.4, (224, 224)).astype(np.float32), (0, 0), 4)
    matrix = canonical_from_landmarks(landmarks(2.0, (20, 10), 0.1))
    photo = from_rgb(np.full((520, 520, 3), 128, np.uint8))
    out = apply_patches(photo, [crop_patch(change, matrix, photo.pixels.shape)])
    found = luma(extract_crop(out.pixels, matrix)) - 128 / 255
    np.testing.assert_allclose(found, change * feather_mask(), atol=0.012)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_change_of_luma_in_every_mode(mode, dtype):
    top = np.iinfo(dtype).max
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,), "CMYK": (4,)}[mode]
    if mode == "CMYK" and dtype == np.uint16:
        return  # no such photo is decoded
    rng = np.random.default_rng(1)
    pixels = rng.integers(top // 4, top // 2, (6, 5, *channels)).astype(dtype)
    photo = Photo(pixels, mode)
    patch = Patch(1, 2, np.full((3, 2), 0.08, np.float32))
    out = apply_patches(photo, [patch])
    change = luma(as_rgb(out)) - luma(as_rgb(photo))
    np.testing.assert_allclose(change[2:5, 1:3], 0.08, atol=0.006)
    rest = np.ones((6, 5), bool)
    rest[2:5, 1:3] = False
    assert np.array_equal(out.pixels[rest], pixels[rest])
    if mode in ("LA", "RGBA"):
        assert np.array_equal(out.pixels[..., -1], pixels[..., -1])
    if mode in ("RGB", "RGBA"):
        step = out.pixels[2, 1, :3].astype(int) - pixels[2, 1, :3]
        assert len(set(step.tolist())) == 1
    assert np.array_equal(photo.pixels, pixels)


def test_overlapping_patches_add_up_and_saturate():
    photo = from_rgb(np.full((4, 4, 3), 250, np.uint8))
    patch = Patch(0, 0, np.full((4, 4), 4 / 255, np.float32))
    assert (apply_patches(photo, [patch]).pixels == 254).all()
    assert (apply_patches(photo, [patch, patch]).pixels == 255).all()


@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize(("side", "colours"), [(9, ()), (700, (3,))])
def test_spare_pixels_are_written_over_and_others_never(spare, side, colours):
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 190, (side, side + 3, 3), dtype=np.uint8)
    change = rng.uniform(-0.2, 0.2, (side - 2, side, *colours)).astype(np.float32)
    before = pixels.copy()
    done = apply_patches(Photo(pixels, "RGB", spare=spare), [Patch(2, 1, change)]).pixels
    assert (done is pixels) == spare
    assert spare or np.array_equal(pixels, before)
    # In stripes or at once, the sum is the same.
    expected = before.astype(int)
    expected[1 : side - 1, 2 : side + 2] += np.rint(
        (change if colours else change[..., None]) * np.float32(255)
    ).astype(int)
    assert np.array_equal(done, expected)


def test_spare_pixels_that_cannot_be_written_are_copied():
    pixels = np.full((9, 9), 90, np.uint8)
    pixels.setflags(write=False)
    patch = Patch(0, 0, np.full((9, 9), 0.1, np.float32))
    assert (apply_patches(Photo(pixels, "L", spare=True), [patch]).pixels == 116).all()
