"""What a photo is written with: the settings it came with, and metadata where they are kept."""

import io

import numpy as np
import pytest
from PIL import Image

from faceveil.imaging.decode import decode_photo, header_pixels
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.photo import Photo, from_rgb
from tests.imaging.test_decode import XMP, data, picture


def opened(blob):
    image = Image.open(io.BytesIO(blob))
    image.load()
    return image


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_keeps_a_compression_without_loss(compression):
    source = data(picture("RGB"), "TIFF", compression=compression)
    assert decode_photo(source).settings["compression"] == compression
    assert opened(encode_photo(decode_photo(source))).info["compression"] == compression


def test_tiff_with_loss_is_written_without():
    source = data(picture("RGB"), "TIFF", compression="jpeg")
    photo = decode_photo(source)
    after = opened(encode_photo(photo))
    assert after.info["compression"] == "tiff_adobe_deflate"
    assert np.array_equal(np.asarray(after), photo.pixels)


def test_tiff_from_elsewhere_is_not_compressed():
    assert opened(encode_photo(Photo(from_rgb(np.zeros((4, 4, 3), np.uint8)).pixels, "RGB", "TIFF"))
                  ).info["compression"] == "raw"  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_resolution_is_kept(kind):
    source = data(picture("RGB"), kind, dpi=(300, 200))
    found = opened(encode_photo(decode_photo(source))).info["dpi"]
    assert [float(v) for v in found] == pytest.approx([300, 200], abs=0.02)


def test_resolution_of_other_formats_is_not_asked_for():
    source = data(picture("RGB"), "BMP", dpi=(300, 300))
    assert "dpi" not in decode_photo(source).settings


@pytest.mark.parametrize("progressive", [True, False])
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_jpeg_keeps_scan_and_sampling(progressive, sampling):
    source = data(picture("RGB"), "JPEG", progressive=progressive, subsampling=sampling)
    photo = decode_photo(source)
    assert photo.settings["subsampling"] == sampling
    after = opened(encode_photo(photo))
    assert bool(after.info.get("progressive")) is progressive
    assert after.layer == opened(source).layer


def test_jpeg_of_odd_sampling_is_written_all_the_same():
    """Grey has none that the encoder could take."""
    photo = decode_photo(data(picture("L"), "JPEG"))
    assert photo.settings["subsampling"] == -1
    assert opened(encode_photo(photo)).mode == "L"


def test_jpeg_from_elsewhere_has_quality_95():
    pixels = np.asarray(picture("RGB"))
    found = opened(encode_photo(Photo(pixels, "RGB", "JPEG")))
    assert found.quantization == opened(data(picture("RGB"), "JPEG", quality=95)).quantization


def test_webp_settings():
    clear = picture("RGBA")
    clear.putalpha(0)  # whose colours an encoder may drop
    lossless = decode_photo(data(clear, "WEBP", lossless=True, exact=True))
    assert lossless.settings["lossless"] is True
    assert np.array_equal(decode_photo(encode_photo(lossless)).pixels, np.asarray(clear))
    lossy = decode_photo(data(picture("RGB"), "WEBP", quality=40))
    assert lossy.settings["lossless"] is False
    wanted = data(Image.fromarray(lossy.pixels), "WEBP", quality=95, method=4, exact=True)
    assert encode_photo(lossy) == wanted


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_is_kept_where_asked(kind):
    photo = Photo(np.asarray(picture("RGB")), "RGB", kind, metadata={"xmp": XMP})
    assert b"xmpmeta" not in encode_photo(photo)
    kept = decode_photo(encode_photo(photo, keep_metadata=True)).metadata["xmp"]
    assert b'xmp:CreateDate="2024-05-06"' in kept


def test_bmp_has_no_place_for_metadata():
    photo = Photo(np.asarray(picture("RGB")), "RGB", "BMP", metadata={"exif": b"x", "xmp": XMP})
    assert opened(encode_photo(photo, keep_metadata=True)).size == (24, 16)


def test_damaged_exif_is_dropped_and_the_photo_read():
    """A list of tags that says it has 65,535 of them, in a file that ends."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(100))
    photo = decode_photo(data(picture("RGB"), "JPEG", exif=exif))
    assert photo.pixels.shape == (16, 24, 3)


@pytest.mark.filterwarnings("ignore")
def test_damaged_list_of_pages_is_one_clear_line():
    from faceveil.errors import PhotoError

    more = [picture("RGB").rotate(90)]
    source = data(picture("RGB"), "TIFF", save_all=True, append_images=more)
    for end in range(len(source) - 200, len(source), 7):  # within the second page's head
        with pytest.raises(PhotoError, match=r"^(damaged: .*; copy it again|2 frames; .*)$"):
            decode_photo(source[:end])


def test_pixels_by_the_header_alone():
    source = data(picture("RGB"), "PNG")
    assert header_pixels(source, 24 * 16) == 24 * 16
    assert header_pixels(source, 24 * 16 - 1) == 0
    assert header_pixels(source[:60], 10**6) == 24 * 16
    assert header_pixels(b"no photo", 10**6) == 0
