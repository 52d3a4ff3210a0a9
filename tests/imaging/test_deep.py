"""Photos of 16 bits keep what 8-bit ones keep: colours, resolution, and metadata where asked."""

import io
import shutil
import struct
import subprocess
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from faceveil.errors import OutputError
from faceveil.imaging.decode import decode_photo
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.png import colour_chunks, with_chunks
from faceveil.imaging.tiff import with_tags
from tests.imaging.profiles import DISPLAY_P3, profile
from tests.imaging.test_decode import XMP, data, picture

P3 = profile(DISPLAY_P3, 2.2)
CHUNKS = (
    (b"cICP", bytes([12, 13, 0, 1])),
    (b"gAMA", struct.pack(">I", 100000)),
    (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
)


def exif():
    found = Image.Exif()
    found[0x010F], found[0x0112], found[0x013B] = "Maker", 6, "Anna Smith"
    found.get_ifd(0x8769)[0x829D] = 2.8
    found.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    found.get_ifd(0x8825)[1] = "N"
    return found.tobytes()


def deep_png(pixels, chunks=()):
    """A PNG of 16-bit RGB by hand, with chunks before its pixels."""
    height, width = pixels.shape[:2]
    raw = pixels.astype(">u2").reshape(height, -1).view(np.uint8)
    rows = np.hstack([np.zeros((height, 1), np.uint8), raw]).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n"
    for kind, content in [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]:
        body += struct.pack(">I", len(content)) + kind + content
        body += struct.pack(">I", zlib.crc32(kind + content))
    return body


def scene(seed=0, shape=(40, 30, 3)):
    small = np.random.default_rng(seed).integers(0, 65536, (5, 4, 3), dtype=np.uint16)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def source(kind):
    if kind == "TIFF":
        plain = cv2.imencode(".tiff", scene()[..., ::-1])[1].tobytes()
        found = Image.Exif()
        found.load(exif())
        tags = {t: v for t, v in found.items() if t not in (0x8769, 0x8825)}
        tags |= {p: dict(found.get_ifd(p)) for p in (0x8769, 0x8825)}
        return with_tags(plain, {**tags, 282: 300.0, 283: 200.0, 296: 2, 34675: P3, 700: XMP})
    metre = struct.pack(">IIB", 11811, 7874, 1)
    return deep_png(scene(), [
        (b"iCCP", b"x\0\0" + zlib.compress(P3)), (b"pHYs", metre), (b"eXIf", exif()[6:]),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    ])  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("keep", [False, True])
def test_profile_and_resolution_stay_and_the_rest_on_request(kind, keep, tmp_path):
    photo = decode_photo(source(kind))
    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, np.rot90(scene(), -1))
    done = encode_photo(photo, keep_metadata=keep)
    again = decode_photo(done)
    assert np.array_equal(again.pixels, photo.pixels)  # upright, and not turned again
    image = Image.open(io.BytesIO(done))
    assert image.info["icc_profile"] == P3
    assert [float(v) for v in image.info["dpi"]] == pytest.approx([300, 200], abs=0.02)
    found = image.getexif()
    assert found.get(0x010F) == ("Maker" if keep else None)
    assert found.get_ifd(0x8769).get(0x9003) == ("2024:05:06 07:08:09" if keep else None)
    assert found.get_ifd(0x8825).get(1) == ("N" if keep else None)
    assert (b"2024-05-06" in done) is keep
    assert b"Anna" not in done
    assert b"secret" not in done
    if shutil.which("exiftool"):
        path = tmp_path / f"a.{kind.lower()}"
        path.write_bytes(done)
        told = subprocess.run(["exiftool", "-a", "-G1", path], capture_output=True, text=True)
        assert "Warning" not in told.stdout + told.stderr
        assert "16" in told.stdout
        assert ("Maker" in told.stdout) is keep
        assert "made by hand" in told.stdout


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_tiff_of_16_bits_keeps_its_compression(compression):
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    photo = decode_photo(cv2.imencode(".tiff", scene(), options)[1].tobytes())
    assert Image.open(io.BytesIO(encode_photo(photo))).tag_v2[259] == compression


@pytest.mark.parametrize("bits", [8, 16])
def test_what_png_says_of_its_colours_is_kept(bits):
    if bits == 16:
        blob = deep_png(scene(), CHUNKS)
    else:
        blob = with_chunks(data(picture("RGB"), "PNG"), CHUNKS)
    done = encode_photo(decode_photo(blob))
    assert colour_chunks(done) == CHUNKS
    assert done.index(b"cHRM") < done.index(b"IDAT")
    image = Image.open(io.BytesIO(done))
    image.load()  # which checks the sums
    assert image.info["gamma"] == pytest.approx(1.0)
    assert image.info["chromaticity"][2:4] == pytest.approx((0.68, 0.32))


def test_chunks_that_are_no_colours_go():
    blob = with_chunks(data(picture("RGB"), "PNG"), [(b"gAMA", bytes(5000)), (b"prVt", b"Anna")])
    done = encode_photo(decode_photo(blob), keep_metadata=True)
    assert b"Anna" not in done
    assert colour_chunks(done) == ()


def test_a_tiff_with_a_smaller_copy_is_taken_without_it():
    main, small = picture("RGB", (96, 64)), picture("RGB", (24, 16))
    blob = data(main, "TIFF", save_all=True, append_images=[marked(small, 1)])
    photo = decode_photo(blob)
    assert np.array_equal(photo.pixels, np.asarray(main))
    assert photo.dropped == ("preview page",)
    assert Image.open(io.BytesIO(encode_photo(photo))).n_frames == 1


@pytest.mark.parametrize("kind", [0, 2])
def test_pages_are_refused_all_the_same(kind):
    from faceveil.errors import PhotoError

    blob = data(picture("RGB"), "TIFF", save_all=True, append_images=[marked(picture("RGB"), kind)])
    with pytest.raises(PhotoError, match="2 frames; expected a single picture"):
        decode_photo(blob)


def marked(image, kind):
    image.encoderinfo = {"tiffinfo": {254: kind}}
    return image


def test_tags_are_for_small_tiffs_alone():
    with pytest.raises(OutputError, match="too large"):
        with_tags(b"II+\0" + bytes(30), {282: 1.0})


# 4:4:0 and 4:1:1: the factors of luma, across and down.
@pytest.mark.parametrize("factors", [(1, 2), (4, 1)])
def test_jpeg_of_rare_sampling_never_gets_less(factors):
    code = {(1, 2): 0x121111, (4, 1): 0x411111}[factors]
    image = np.asarray(picture("RGB", (96, 64)))
    made, blob = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, code])
    assert made
    layers = Image.open(io.BytesIO(blob.tobytes())).layer
    assert layers[0][1:3] == factors
    photo = decode_photo(blob.tobytes())
    done = Image.open(io.BytesIO(encode_photo(photo)))
    assert {layer[1:3] for layer in done.layer} == {(1, 1)}
    assert np.abs(np.asarray(done).astype(int) - photo.pixels).mean() < 2
