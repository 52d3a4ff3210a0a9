"""Colour spaces: what software sees, what viewers show, and what stays bit for bit."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from faceveil.imaging.colour import colour_space
from faceveil.imaging.decode import decode_photo
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.geometry import canonical_from_landmarks, transform
from faceveil.imaging.photo import Photo, as_rgb, from_rgb
from faceveil.protect.photo import PhotoOptions, protect_photo
from tests.imaging.profiles import ADOBE_RGB, SPACES, SRGB, profile, seen, written_in
from tests.imaging.test_decode import data, picture
from tests.protect.fakes import LANDMARKS, BrightenProtector, FixedDetector, FixedEstimator

SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def protected(photo):
    options = PhotoOptions(gender="female", strength=0.5)  # + 0.1, which is 25 levels
    return protect_photo(photo, BrightenProtector(), FixedEstimator(), FixedDetector(), options)[0]


def beyond_the_crop():
    y, x = np.mgrid[:200, :180]
    inside = transform(canonical_from_landmarks(LANDMARKS), np.stack([x.ravel(), y.ravel()], 1))
    return ((inside < -1) | (inside > 224)).any(axis=1).reshape(200, 180)


def skin(shape=(200, 180, 3)):
    """Smooth colours around those of faces, all within sRGB and their spaces."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    rgb = np.stack([120 + x * 0.6, 90 + y * 0.5, 70 + (x + y) * 0.3], axis=-1)
    return rgb.clip(0, 225).astype(np.uint8)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", SPACES)
def test_software_sees_srgb(name, kind):
    primaries, gamma = SPACES[name]
    pixels = written_in(skin(), primaries, gamma, kind)
    photo = Photo(pixels, "RGB", metadata={"icc_profile": profile(primaries, gamma)})
    difference = np.abs(as_rgb(photo).astype(int) - skin())
    assert difference.mean() < 0.75
    assert difference.max() <= 3
    unaware = np.abs(as_rgb(Photo(pixels, "RGB")).astype(int) - skin())
    assert unaware.mean() > 3  # which the networks saw before


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", SPACES)
def test_a_protected_photo_looks_the_same_in_any_space(name, kind):
    primaries, gamma = SPACES[name]
    pixels = written_in(skin(), primaries, gamma, kind)
    photo = Photo(pixels, "RGB", metadata={"icc_profile": profile(primaries, gamma)})
    after, plain = protected(photo).pixels, protected(from_rgb(skin())).pixels
    changed = (plain != skin()).any(axis=2)
    assert 0.2 < changed.mean() < 0.9
    outside = beyond_the_crop()
    assert outside.any()
    assert np.array_equal(after[outside], pixels[outside])  # so the difference is 0
    error = np.linalg.norm(seen(after, primaries, gamma) - seen(plain, SRGB, None), axis=2)
    before = np.linalg.norm(seen(pixels, primaries, gamma) - seen(skin(), SRGB, None), axis=2)
    assert error[changed].mean() < 1
    assert error[changed].mean() - before[changed].mean() < 0.6  # of one level of 255
    moved = np.linalg.norm(seen(after, primaries, gamma) - seen(pixels, primaries, gamma), axis=2)
    assert moved[changed].mean() > 5


def test_a_real_portrait_keeps_its_colours_outside_the_face(portrait):
    """End to end, with the network: the same picture from a Display P3 file and an sRGB one."""
    from faceveil.api import load_protector

    primaries, gamma = SPACES["P3"]
    icc = profile(primaries, gamma)
    stored = written_in(portrait, primaries, gamma)
    source = data(Image.fromarray(stored), "PNG", icc_profile=icc)
    protector, options = load_protector(threads=1), PhotoOptions(gender="female", target="opposite")
    done, (face,) = protector.protect_loaded(decode_photo(source), options)
    plain, _ = protector.protect_loaded(from_rgb(portrait), options)
    written = Image.open(io.BytesIO(encode_photo(done)))
    assert written.info["icc_profile"] == icc
    after = np.asarray(written)
    x0, y0, x1, y1 = (int(v) for v in face.face.box)
    size = max(x1 - x0, y1 - y0)
    outside = np.ones(after.shape[:2], bool)
    outside[max(0, y0 - size) : y1 + size, max(0, x0 - size) : x1 + size] = False
    assert outside.any()
    assert np.array_equal(after[outside], stored[outside])
    error = np.linalg.norm(seen(after, primaries, gamma) - seen(plain.pixels, SRGB, None), axis=2)
    assert error[y0:y1, x0:x1].mean() < 1
    assert np.abs(plain.pixels[y0:y1, x0:x1].astype(int) - portrait[y0:y1, x0:x1]).mean() > 1


def test_grey_of_another_curve():
    icc = profile(None, 1.8)
    shades = np.tile(np.arange(20, 200, dtype=np.uint8), (200, 1))
    photo = Photo(shades, "L", metadata={"icc_profile": icc})
    found = as_rgb(photo)
    wanted = (shades / 255) ** 1.8
    srgb = np.where(wanted < 0.0031308, wanted * 12.92, 1.055 * wanted ** (1 / 2.4) - 0.055) * 255
    assert np.abs(found - srgb[..., None]).max() < 1.5
    after = protected(photo)
    nose = after.pixels[92, 80], as_rgb(after)[92, 80]
    assert nose[0] > shades[92, 80]
    assert np.abs(nose[1].astype(int) - (found[92, 80].astype(int) + 26)).max() <= 2


@pytest.mark.parametrize("icc", [SRGB_PROFILE, b"", b"no profile", profile(None, 2.2)])
def test_srgb_and_what_nobody_can_read_go_as_they_are(icc):
    """Also a profile for grey in a photo of colours, which viewers pass over."""
    assert colour_space(icc, "RGB") is None
    photo = Photo(skin(), "RGB", metadata={"icc_profile": icc})
    assert as_rgb(photo) is photo.pixels or np.array_equal(as_rgb(photo), photo.pixels)
    assert np.array_equal(protected(photo).pixels, protected(from_rgb(skin())).pixels)


def test_alpha_is_not_a_colour():
    icc = profile(ADOBE_RGB, 2.2)
    alpha = np.arange(200 * 180).reshape(200, 180, 1).astype(np.uint8)
    stored = written_in(skin(), ADOBE_RGB, 2.2)
    photo = Photo(np.dstack([stored, alpha]), "RGBA", metadata={"icc_profile": icc})
    assert np.abs(as_rgb(photo).astype(int) - skin()).max() <= 3
    assert np.array_equal(protected(photo).pixels[..., 3:], alpha)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_profile_is_always_kept(kind):
    icc = profile(ADOBE_RGB, 2.2)
    source = data(picture("RGB"), kind, icc_profile=icc)
    assert Image.open(io.BytesIO(encode_photo(decode_photo(source)))).info["icc_profile"] == icc
