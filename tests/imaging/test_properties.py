"""What must hold for every photo, face and change, whatever their size, place and kind."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceveil.errors import PhotoError
from faceveil.imaging.crop import extract_crop, region
from faceveil.imaging.decode import decode_photo, upright
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.geometry import (
    CANONICAL_224,
    canonical_from_landmarks,
    compose,
    invert,
    similarity,
    transform,
)
from faceveil.imaging.paste import Patch, apply_patches, crop_patch
from faceveil.imaging.photo import CHANNELS, Photo, as_rgb, swap_red_blue
from faceveil.protect.photo import PhotoOptions, protect_photo
from faceveil.types import Face
from tests.protect.fakes import BrightenProtector, FixedDetector, FixedEstimator

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MODES = st.sampled_from(["L", "LA", "RGB", "RGBA", "CMYK"])
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def placements(draw, span=400):
    """The map from a photo to the crop of a face of any size, turn and place, also outside."""
    angle, scale = draw(st.floats(-3.2, 3.2)), draw(st.floats(0.05, 5))
    shift = np.array([draw(st.floats(-span, span)), draw(st.floats(-span, span))])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return canonical_from_landmarks((CANONICAL_224 - 112) @ turn.T + shift)


@st.composite
def photos(draw, sizes=SIZES, depths=(np.uint8, np.uint16)):
    mode, (height, width) = draw(MODES), draw(sizes)
    depth = np.uint8 if mode in ("CMYK", "LA") else draw(st.sampled_from(depths))
    shape = (height, width) if mode == "L" else (height, width, CHANNELS[mode])
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Photo(rng.integers(0, np.iinfo(depth).max, shape, depth, endpoint=True), mode)


@quick
@given(placements(), placements(), placements())
def test_maps_compose_in_any_grouping_and_undo_each_other(a, b, c):
    np.testing.assert_allclose(
        compose(compose(a, b), c), compose(a, compose(b, c)), rtol=1e-6, atol=1e-5
    )
    np.testing.assert_allclose(invert(invert(a)), a, rtol=1e-8, atol=1e-8)


@quick
@given(placements(), placements())
def test_no_similarity_fits_better_than_the_least_squares_one(a, nudge):
    source = CANONICAL_224 + np.array([[3, -5], [0, 4], [7, 1], [-2, 2], [1, -6]])
    target = transform(a, CANONICAL_224)
    best = similarity(source, target)

    def cost(matrix):
        return ((transform(matrix, source) - target) ** 2).sum()

    # Any other similarity, near or far.
    assert cost(best) <= cost(nudge) + 1e-6
    other = best.copy()
    other[0, 2] += nudge[0, 2] / 1000
    assert cost(best) <= cost(other) + 1e-6


@quick
@given(placements(), SIZES, st.integers(1, 300), st.integers(0, 5))
def test_region_lies_within_the_photo(matrix, shape, size, margin):
    x0, y0, x1, y1 = region(invert(matrix), size, shape, margin)
    assert 0 <= x0 < x1 <= shape[1]
    assert 0 <= y0 < y1 <= shape[0]


@quick
@given(placements(), SIZES, st.sampled_from([16, 128, 224]), st.integers(0, 255))
def test_crop_of_one_colour_is_that_colour(matrix, shape, size, value):
    crop = extract_crop(np.full((*shape, 3), value, np.uint8), matrix, size)
    assert crop.shape == (size, size, 3)
    assert (crop == value).all()


@quick
@given(placements(span=80), st.floats(-0.5, 0.5), st.booleans())
def test_patch_lies_in_the_photo_and_is_nothing_outside_the_crop(matrix, value, colour):
    shape = (70, 90, 3)
    change = np.full((224, 224, 3) if colour else (224, 224), value, np.float32)
    patch = crop_patch(change, matrix, shape)
    h, w = patch.change.shape[:2]
    assert 0 <= patch.x <= patch.x + w <= 90
    assert 0 <= patch.y <= patch.y + h <= 70
    assert patch.change.ndim == change.ndim
    assert np.abs(patch.change).max() <= 1.15 * abs(value) + 1e-6  # cubic filters overshoot
    columns, rows = np.meshgrid(np.arange(w) + patch.x, np.arange(h) + patch.y)
    where = transform(matrix, np.stack([columns.ravel(), rows.ravel()], 1)).reshape(h, w, 2)
    outside = ((where < -2.1) | (where > 225.1)).any(axis=2)  # beyond the filter's reach
    assert (patch.change[outside] == 0).all()


@quick
@given(photos(), st.data())
def test_patches_touch_their_rectangle_only_and_never_alpha(photo, draw):
    height, width = photo.pixels.shape[:2]
    x, y = draw.draw(st.integers(0, width - 1)), draw.draw(st.integers(0, height - 1))
    h, w = draw.draw(st.integers(1, height - y)), draw.draw(st.integers(1, width - x))
    value = draw.draw(st.floats(-1, 1, width=32))
    before = photo.pixels.copy()
    shape = (h, w, 3) if draw.draw(st.booleans()) else (h, w)
    done = apply_patches(photo, [Patch(x, y, np.full(shape, value, np.float32))])
    assert np.array_equal(photo.pixels, before)
    assert (done.pixels.dtype, done.pixels.shape) == (before.dtype, before.shape)
    rest = np.ones((height, width), bool)
    rest[y : y + h, x : x + w] = False
    assert np.array_equal(done.pixels[rest], before[rest])
    if photo.mode in ("LA", "RGBA"):
        assert np.array_equal(done.pixels[..., -1], before[..., -1])
    same = apply_patches(photo, [Patch(x, y, np.zeros(shape, np.float32))])
    assert np.array_equal(same.pixels, before)


@quick
@given(photos(), st.floats(-0.1875, 0.1875, width=32))
def test_a_change_is_undone_by_its_opposite_where_nothing_saturates(photo, value):
    top = np.iinfo(photo.pixels.dtype).max
    middle = Photo((photo.pixels // 2 + top // 4).astype(photo.pixels.dtype), photo.mode)
    if photo.mode == "CMYK":
        middle.pixels[..., 3] = 0  # ink moves the more, the blacker it is
    change = np.full(middle.pixels.shape[:2], value, np.float32)
    there = apply_patches(middle, [Patch(0, 0, change)])
    back = apply_patches(there, [Patch(0, 0, -change)])
    assert np.array_equal(back.pixels, middle.pixels)


LOSSLESS = {"PNG": ("L", "LA", "RGB", "RGBA"), "BMP": ("L", "RGB"),
            "TIFF": ("L", "LA", "RGB", "RGBA", "CMYK")}  # fmt: skip


@quick
@given(photos(), st.sampled_from(sorted(LOSSLESS)), st.data())
def test_what_is_written_without_loss_is_read_again(photo, kind, draw):
    deep = photo.pixels.dtype == np.uint16
    if photo.mode not in LOSSLESS[kind] or (deep and kind == "BMP"):
        return
    again = decode_photo(encode_photo(Photo(photo.pixels, photo.mode, kind)))
    assert (again.format, again.mode) == (kind, photo.mode)
    assert again.pixels.dtype == photo.pixels.dtype
    assert np.array_equal(again.pixels, photo.pixels)


@quick
@given(SIZES, st.integers(0, 9))
def test_turning_upright_keeps_every_pixel(shape, orientation):
    pixels = np.arange(shape[0] * shape[1]).reshape(shape)
    turned = upright(pixels, orientation)
    assert sorted(turned.ravel()) == sorted(pixels.ravel())
    assert turned.shape == (shape[::-1] if 5 <= orientation <= 8 else shape)
    back = {6: 8, 8: 6}.get(orientation, orientation)  # the others undo themselves
    assert np.array_equal(upright(turned, back), pixels)


@quick
@given(photos(), st.sampled_from([1, 7, 10**6]))
def test_rgb_is_the_same_in_stripes_as_pixel_by_pixel(photo, stripe):
    import faceveil.imaging.photo as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STRIPE", stripe)
        found = as_rgb(photo)
    assert found.dtype == np.uint8
    height, width = photo.pixels.shape[:2]
    for y, x in {(0, 0), (height - 1, width - 1), (height // 2, width // 3)}:
        values = np.atleast_1d(photo.pixels[y, x]).astype(int)
        if photo.pixels.dtype == np.uint16:
            values = values // 256
        if photo.mode in ("L", "LA"):
            wanted = [values[0]] * 3
        elif photo.mode == "CMYK":  # to the nearest
            exact = (255 - values[:3]) * (255 - values[3]) / 255
            wanted = np.floor(exact + 0.5).tolist()
        else:
            wanted = values[:3].tolist()
        assert found[y, x].tolist() == wanted


@quick
@given(SIZES, st.sampled_from([3, 4]), st.sampled_from([1, 7, 10**6]))
def test_red_and_blue_swap_in_place(shape, channels, stripe):
    import faceveil.imaging.photo as module

    pixels = np.arange(shape[0] * shape[1] * channels, dtype=np.uint16).reshape(*shape, channels)
    wanted = pixels[..., [2, 1, 0, 3][:channels]]
    given_to = pixels.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STRIPE", stripe)
        assert swap_red_blue(given_to) is given_to
    assert np.array_equal(given_to, wanted)


@pytest.mark.filterwarnings("ignore")  # what Pillow warns of is not the matter here
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_files_raise_photo_errors_of_one_line(draw):
    from benchmarks.reliability.common import bad_message
    from benchmarks.reliability.mutants import mutants

    seed = draw.draw(st.integers(0, 10**6))
    for mutant in mutants(10, seed):
        photo, message = None, ""
        try:
            photo = decode_photo(mutant.data, max_pixels=2_000_000)
        except PhotoError as error:
            message = str(error)
        if photo is None:
            assert not bad_message(message), mutant.recipe
        else:
            assert as_rgb(photo).shape == (*photo.pixels.shape[:2], 3)
            assert decode_photo(encode_photo(photo)).pixels.shape == photo.pixels.shape


@quick
@given(
    photos(st.tuples(st.integers(20, 120), st.integers(20, 120))),
    st.lists(placements(span=120), min_size=0, max_size=3),
    st.floats(0, 1),
    st.sampled_from(["opposite", "neutral", "random", "same"]),
)
def test_pipeline_changes_faces_and_nothing_else(photo, maps, strength, target):
    """Whatever the photo and however faces lie: same kind, the rest untouched, same again."""
    faces = []
    for matrix in maps:
        points = transform(invert(matrix), CANONICAL_224).astype(np.float32)
        low, high = points.min(axis=0), points.max(axis=0)
        faces.append(Face((*low.tolist(), *high.tolist()), points, 0.9))
    options = PhotoOptions(strength=strength, target=target, seed=3)

    def run():
        return protect_photo(
            photo, BrightenProtector(), FixedEstimator(0.2), FixedDetector(tuple(faces)), options
        )

    before = photo.pixels.copy()
    done, report = run()
    assert np.array_equal(photo.pixels, before)
    assert (done.mode, done.pixels.dtype, done.pixels.shape) == (
        photo.mode, before.dtype, before.shape,
    )  # fmt: skip
    assert len(report) == len(faces)
    height, width = before.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    free = np.ones((height, width), bool)
    for face in faces:
        matrix = canonical_from_landmarks(face.landmarks)
        where = transform(matrix, np.stack([x.ravel(), y.ravel()], 1)).reshape(height, width, 2)
        reach = 2 * max(1, np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        free &= ((where < -reach) | (where > 223 + reach)).any(axis=2)
    assert np.array_equal(done.pixels[free], before[free])
    assert np.array_equal(run()[0].pixels, done.pixels)
    if strength == 0 or not faces:
        assert np.array_equal(done.pixels, before)
