"""Photos in: every format, mode and orientation; every kind of bad file."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from faceveil.errors import PhotoError
from faceveil.imaging.decode import decode_photo, lift_pillow_limit, load_photo, upright
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.photo import as_rgb

RNG = np.random.default_rng(0)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syn'
    b'tax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/'
    b'dc/elements/1.1/" xmp:CreateDate="2024-05-06"><dc:title>secret name</dc:title>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def picture(mode, size=(24, 16)):
    """Smooth colours, so that lossy formats stay close."""
    y, x = np.mgrid[: size[1], : size[0]]
    rgb = np.stack([x * 8, y * 12, 120 + x - y], axis=-1).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(rgb)
    if mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(Image.fromarray((y * 15).astype(np.uint8)))
        return image
    return image.convert(mode)


def data(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


CASES = [
    ("JPEG", "L", "L"), ("JPEG", "RGB", "RGB"), ("JPEG", "CMYK", "CMYK"),
    ("PNG", "1", "L"), ("PNG", "L", "L"), ("PNG", "LA", "LA"), ("PNG", "P", "RGB"),
    ("PNG", "RGB", "RGB"), ("PNG", "RGBA", "RGBA"),
    ("WEBP", "RGB", "RGB"), ("WEBP", "RGBA", "RGBA"),
    ("BMP", "1", "L"), ("BMP", "L", "L"), ("BMP", "P", "RGB"), ("BMP", "RGB", "RGB"),
    ("TIFF", "1", "L"), ("TIFF", "L", "L"), ("TIFF", "P", "RGB"), ("TIFF", "RGB", "RGB"),
    ("TIFF", "RGBA", "RGBA"), ("TIFF", "CMYK", "CMYK"), ("TIFF", "LA", "LA"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "mode", "expected"), CASES)
def test_round_trip_keeps_format_mode_and_pixels(kind, mode, expected):
    options = {"lossless": True} if kind == "WEBP" else {}
    source = data(picture(mode), kind, **options)
    photo = decode_photo(source)
    assert (photo.format, photo.mode, photo.pixels.dtype) == (kind, expected, np.uint8)
    again = decode_photo(encode_photo(photo))
    assert (again.format, again.mode, again.pixels.shape) == (kind, expected, photo.pixels.shape)
    difference = np.abs(again.pixels.astype(int) - photo.pixels)
    assert difference.max() <= (6 if kind == "JPEG" else 0)
    reference = np.asarray(Image.open(io.BytesIO(source)).convert("RGB")).astype(int)
    assert np.abs(as_rgb(photo).astype(int) - reference).max() <= 1


@pytest.mark.parametrize("kind", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_kept(kind, channels):
    shape = (9, 7) if channels == 1 else (9, 7, channels)
    deep = RNG.integers(0, 65536, shape, dtype=np.uint16)
    photo = decode_photo(cv2.imencode(kind, deep)[1].tobytes())
    assert photo.pixels.dtype == np.uint16
    native = deep if channels == 1 else deep[..., [2, 1, 0, 3][:channels]]
    assert np.array_equal(photo.pixels, native)
    assert np.array_equal(decode_photo(encode_photo(photo)).pixels, photo.pixels)
    assert np.array_equal(as_rgb(photo)[..., 0] if channels > 1 else as_rgb(photo)[..., 1],
                          (native[..., 0] if channels > 1 else native) >> 8)  # fmt: skip


def test_palette_with_transparency_becomes_rgba():
    image = picture("P")
    source = data(image, "PNG", transparency=0)
    assert decode_photo(source).mode == "RGBA"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_obeyed(orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    source = data(picture("RGB"), "PNG", exif=exif)
    image = Image.open(io.BytesIO(source))
    expected = np.asarray(ImageOps.exif_transpose(image))
    photo = decode_photo(source)
    assert np.array_equal(photo.pixels, expected)
    kept = Image.open(io.BytesIO(encode_photo(photo, keep_metadata=True)))
    assert kept.getexif()[0x0112] == 1


def test_unknown_orientation_changes_nothing():
    pixels = RNG.integers(0, 9, (2, 3))
    assert np.array_equal(upright(pixels, 77), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_metadata_is_stripped_unless_kept(kind):
    from PIL import ImageCms

    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = XMP
    options = {"exif": exif.tobytes(), "icc_profile": profile}
    if kind in ("JPEG", "WEBP"):
        options["xmp"] = xmp
    photo = decode_photo(data(picture("RGB"), kind, **options))
    bare = encode_photo(photo)
    assert b"Secret" not in bare
    assert b"secret" not in bare
    assert b"2024-05-06" not in bare
    stripped = Image.open(io.BytesIO(bare))
    assert stripped.info["icc_profile"] == profile  # or the colours would be others
    assert 0x010F not in stripped.getexif()
    kept = Image.open(io.BytesIO(encode_photo(photo, keep_metadata=True)))
    assert kept.getexif()[0x010F] == "Secret Camera"
    assert kept.info["icc_profile"] == profile
    if "xmp" in options:
        assert b'xmp:CreateDate="2024-05-06"' in kept.info["xmp"]
        assert b"secret" not in kept.info["xmp"]


def test_jpeg_keeps_its_tables_and_subsampling():
    source = data(picture("RGB"), "JPEG", quality=63, subsampling=2)
    before = Image.open(io.BytesIO(source))
    after = Image.open(io.BytesIO(encode_photo(decode_photo(source))))
    assert before.quantization == after.quantization
    assert before.layer == after.layer


def png_header(width, height):
    def chunk(body):
        return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(header) + chunk(b"IDAT" + zlib.compress(b""))


def frames():
    return data(picture("RGB"), "TIFF", save_all=True, append_images=[picture("RGB")])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty, 0 bytes"),
        (b"hello, I am a text\n", "not an image"),
        (data(picture("RGB", (400, 300)), "JPEG")[:900], "it ends too early"),
        (data(picture("RGB", (90, 90)), "PNG")[:120], "damaged"),
        (png_header(60_000, 60_000), "too large: "),
        (png_header(12_000, 12_000), "12000 x 12000 pixels; expected at most 100,000,000"),
        (data(picture("RGB"), "GIF"), "not an image"),
        (frames(), "2 frames"),
        (data(picture("RGB").convert("F"), "TIFF"), "mode F is not supported"),
    ],
)
def test_bad_content_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=message) as caught:
        load_photo(path)
    assert "\n" not in str(caught.value)


def test_bad_paths(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        load_photo(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="a folder"):
        load_photo(tmp_path)
    link = tmp_path / "link.jpg"
    link.symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(PhotoError, match="a link to a file that is gone"):
        load_photo(link)


def test_limit_is_the_callers():
    with pytest.raises(PhotoError, match="--max-pixels"):
        decode_photo(data(picture("RGB"), "PNG"), max_pixels=100)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_pillows_own_limit_is_named_and_our_programs_lift_it(kind, monkeypatch):
    """As if 384 pixels were over 178 million."""
    source = data(picture("RGB"), kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PhotoError, match=r"over 200 pixels, the limit of Pillow itself; set PIL"):
        decode_photo(source)
    lift_pillow_limit()
    assert decode_photo(source, max_pixels=24 * 16).pixels.shape == (16, 24, 3)
    with pytest.raises(PhotoError, match="24 x 16 pixels; expected at most 383; raise --max-pixel"):
        decode_photo(source, max_pixels=383)


@pytest.mark.parametrize("seed", range(60))
def test_mutated_files_decode_or_say_why(seed):
    rng = np.random.default_rng(seed)
    kind = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")[seed % 5]
    raw = bytearray(data(picture("RGB", (64, 48)), kind))
    for _ in range(int(rng.integers(1, 12))):
        raw[int(rng.integers(len(raw)))] = int(rng.integers(256))
    message = ""
    try:
        decode_photo(bytes(raw[: int(rng.integers(len(raw) // 2, len(raw) + 1))]))
    except PhotoError as error:
        message = str(error)
    assert "\n" not in message
