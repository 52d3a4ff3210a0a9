"""The quick way into JPEG files: Pillow's pixels, or Pillow's word on what is wrong."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from faceveil.errors import PhotoError
from faceveil.imaging.decode import decode_photo
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.jpeg import decode_plain_jpeg, rare_kind
from tests.imaging.test_decode import data, picture


def jpeg(portrait, size=(251, 187), mode="RGB", **options):
    buffer = io.BytesIO()
    Image.fromarray(portrait).convert(mode).resize(size).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("more", [{}, {"restart_marker_blocks": 4}, {"comment": b"\xff\xda\xff"}])
def test_the_pixels_are_pillows(portrait, subsampling, more):
    data = jpeg(portrait, quality=88, subsampling=subsampling, **more)
    quick = decode_plain_jpeg(data)
    assert quick is not None
    assert np.array_equal(quick, by_pillow(data))
    assert np.array_equal(decode_plain_jpeg(data + b"what some cameras add \xff\xc4"), quick)


def test_exif_orientation_is_left_to_the_caller(portrait):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(portrait, exif=exif.tobytes())
    assert np.array_equal(decode_plain_jpeg(data), by_pillow(data))
    assert decode_photo(data).pixels.shape == (251, 187, 3)


def test_several_scans_and_other_formats_are_pillows(portrait):
    assert decode_plain_jpeg(jpeg(portrait, progressive=True)) is None
    for other in (b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n" + bytes(99)):
        assert decode_plain_jpeg(other) is None
    photo = decode_photo(jpeg(portrait, progressive=True))
    assert photo.settings["progressive"]
    assert photo.mode == "RGB"
    assert decode_photo(jpeg(portrait, mode="L")).mode == "L"
    assert decode_photo(jpeg(portrait, mode="CMYK")).mode == "CMYK"


def test_settings_are_those_of_a_loaded_file(portrait):
    data = jpeg(portrait, quality=71, subsampling=1, dpi=(72, 72), icc_profile=b"profile")
    photo, image = decode_photo(data), Image.open(io.BytesIO(data))
    image.load()
    assert photo.settings["qtables"] == {k: list(v) for k, v in image.quantization.items()}
    assert photo.settings["subsampling"] == 1
    assert photo.settings["dpi"] == (72.0, 72.0)
    assert photo.metadata["icc_profile"] == b"profile"


@pytest.mark.parametrize("short", [1, 2, 3, 50, 2000])
def test_a_file_that_ends_early_is_told(portrait, short):
    data = jpeg(portrait)[:-short]
    assert decode_plain_jpeg(data) is None
    with pytest.raises(PhotoError, match="damaged"):
        decode_photo(data)


def test_damage_is_treated_as_pillow_treats_it(portrait, capfd):
    whole, rng, told = jpeg(portrait, quality=90), random.Random(3), 0
    for i in range(400):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data) // 4 if i % 2 else 0, len(data))] = rng.randrange(256)
        quick = decode_plain_jpeg(bytes(data))
        try:
            pixels = by_pillow(bytes(data))
        except Exception:
            assert quick is None
            told += 1
        else:
            assert quick is None or quick.ndim == pixels.ndim
            assert quick is None or np.array_equal(quick, pixels)
    assert told > 5  # some of it was damage that shows
    capfd.readouterr()  # libjpeg writes about damage on its own


@pytest.mark.parametrize(
    ("marker", "bits", "kind"),
    [(0xC0, 8, None), (0xC2, 8, None), (0xC3, 8, "lossless"), (0xC9, 8, "arithmetic"),
     (0xCB, 8, "lossless"), (0xC1, 12, "12-bit")],
)  # fmt: skip
def test_rare_kinds_are_named(marker, bits, kind):
    raw = bytearray(data(picture("RGB"), "JPEG"))
    at = raw.index(b"\xff\xc0")
    raw[at + 1], raw[at + 4] = marker, bits
    assert rare_kind(bytes(raw)) == kind
    if kind in ("lossless", "12-bit"):
        with pytest.raises(PhotoError, match=f"rare kind .{kind}.: not supported"):
            decode_photo(bytes(raw))


def test_what_was_stored_as_rgb_stays_so(portrait):
    source = jpeg(portrait, quality=92, keep_rgb=True)
    done = encode_photo(decode_photo(source))
    assert Image.open(io.BytesIO(done)).info["adobe_transform"] == 0
    assert np.abs(by_pillow(done).astype(int) - by_pillow(source)).mean() < 0.5
