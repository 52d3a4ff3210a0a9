"""Changes in planes of luma and chroma, and turned clips."""

import numpy as np
import pytest

from faceveil.imaging.geometry import transform
from faceveil.imaging.paste import Patch
from faceveil.video.picture import Picture, apply_to_planes, upright_map

RNG = np.random.default_rng(0)


def picture(height=31, width=45, bits=8, chroma=(2, 2), full=False, **more):
    kind = np.uint8 if bits == 8 else np.uint16
    ch, cw = -(-height // chroma[1]), -(-width // chroma[0])
    top = 1 << bits
    planes = tuple(
        RNG.integers(top // 4, 3 * top // 4, shape).astype(kind)
        for shape in ((height, width), (ch, cw), (ch, cw), *more.pop("alpha", ()))
    )
    rgb = RNG.integers(0, 255, (height, width, 3), np.uint8)
    return Picture(planes, rgb, bits, full, **more)


@pytest.mark.parametrize(
    ("bits", "full", "span"),
    [(8, False, 219), (8, True, 255), (10, False, 876), (12, True, 4095)],
)
def test_a_change_of_luma_touches_luma_alone(bits, full, span):
    before = picture(bits=bits, full=full, alpha=((31, 45),))
    change = RNG.uniform(-0.1, 0.1, (12, 17)).astype(np.float32)
    after = apply_to_planes(before, [Patch(7, 5, change)])
    expected = before.planes[0].astype(int)
    expected[5:17, 7:24] += np.rint(change * span).astype(int)
    np.testing.assert_array_equal(after.planes[0], expected)
    for old, new in zip(before.planes[1:], after.planes[1:], strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("chroma", [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize(("kr", "kb"), [(0.299, 0.114), (0.2126, 0.0722)])
def test_a_change_of_colours_by_the_standard_s_formulas(chroma, kr, kb):
    """Full range 4:4:4 is Y'CbCr of the sum; smaller chroma is its mean over the pixels."""
    before = picture(32, 46, chroma=chroma, full=True, kr=kr, kb=kb)
    change = np.zeros((32, 46, 3), np.float32)
    change[5:20, 9:30] = RNG.uniform(-0.1, 0.1, (15, 21, 3))
    after = apply_to_planes(before, [Patch(9, 5, change[5:20, 9:30])])
    r, g, b = (255 * change[..., i].astype(float) for i in range(3))
    y = kr * r + (1 - kr - kb) * g + kb * b
    blocks = (32 // chroma[1], chroma[1], 46 // chroma[0], chroma[0])
    for plane, amount in ((0, y), (1, (b - y) / 2 / (1 - kb)), (2, (r - y) / 2 / (1 - kr))):
        amount = amount if plane == 0 else amount.reshape(blocks).mean((1, 3))
        moved = after.planes[plane].astype(float) - before.planes[plane]
        assert np.abs(moved - amount).max() <= 0.501


def test_patches_at_odd_borders_fit_in_odd_pictures():
    before = picture(31, 45)
    change = np.full((8, 10, 3), 0.05, np.float32)
    after = apply_to_planes(before, [Patch(35, 23, change)])
    moved = after.planes[0].astype(int) - before.planes[0]
    assert (moved[23:, 35:] == round(0.05 * 219)).all()
    assert (moved[:23] == 0).all()
    assert [p.shape for p in after.planes] == [(31, 45), (16, 23), (16, 23)]


def test_sums_saturate_and_the_input_stays():
    white = Picture((np.full((4, 4), 250, np.uint8),), np.zeros((4, 4, 3), np.uint8), 8, True)
    after = apply_to_planes(white, [Patch(0, 0, np.full((4, 4), 0.5, np.float32))])
    assert (after.planes[0] == 255).all()
    assert (white.planes[0] == 250).all()


ONE, TURN = 1 << 16, 1 << 30


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((ONE, 0, 0, 0, ONE, 0, 0, 0, TURN), lambda x: x),
        ((0, ONE, 0, -ONE, 0, 0, 0, 0, TURN), lambda x: np.rot90(x, -1)),  # a phone held upright
        ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, TURN), lambda x: np.rot90(x, 2)),
        ((0, -ONE, 0, ONE, 0, 0, 0, 0, TURN), lambda x: np.rot90(x)),
        ((-ONE, 0, 0, 0, ONE, 0, 0, 0, TURN), lambda x: x[:, ::-1]),
        ((0, ONE, 0, ONE, 0, 0, 0, 0, TURN), lambda x: x.swapaxes(0, 1)),
    ],
)
def test_turned_and_mirrored(matrix, expected):
    rgb = RNG.integers(0, 255, (5, 8, 3), np.uint8)
    upright = upright_map(matrix, 8, 5)
    turned = Picture((rgb[..., 0],), rgb, upright=upright).shown()
    np.testing.assert_array_equal(turned, expected(rgb))
    x, y = transform(upright, [(6, 3)])[0]  # the map and the picture agree
    np.testing.assert_array_equal(turned[int(y), int(x)], rgb[3, 6])
