"""HEIC and AVIF: rotation, colours, depth, and nothing of the other pictures in them."""

import io
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from faceveil.errors import PhotoError
from faceveil.imaging.cicp import cicp_profile
from faceveil.imaging.decode import decode_photo, header_pixels
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.photo import as_rgb
from tests.imaging.profiles import DISPLAY_P3, SRGB, profile, srgb_light
from tests.imaging.test_decode import XMP, data

pillow_heif = pytest.importorskip("pillow_heif")
P3 = profile(DISPLAY_P3, 2.2)


def scene(kind=np.uint8, channels=3):
    """Smooth, 80 x 64, so that codecs stay close; its corners tell how it is turned."""
    rng = np.random.default_rng(3)
    small = rng.integers(30, 226, (4, 5, channels), dtype=np.uint8)
    big = cv2.resize(small, (80, 64), interpolation=cv2.INTER_LINEAR)
    return big if kind == np.uint8 else big.astype(np.uint16) * 257


def heic(pixels, **options):
    mode = {3: "RGB", 4: "RGBA"}[pixels.shape[2]] + (";16" if pixels.dtype == np.uint16 else "")
    buffer = io.BytesIO()
    size = (pixels.shape[1], pixels.shape[0])
    pillow_heif.encode(mode, size, pixels.tobytes(), buffer, quality=95, **options)
    return buffer.getvalue()


def near(a, b, most=2.0):
    return np.abs(a.astype(float) - b).mean() / (257 if a.dtype == np.uint16 else 1) < most


@pytest.mark.parametrize("chroma", [420, 444])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_heic_keeps_depth_subsampling_and_profile(bits, chroma):
    kind = np.uint8 if bits == 8 else np.uint16
    source = heic(scene(kind), chroma=chroma, icc_profile=P3, bit_depth=bits)
    photo = decode_photo(source)
    assert (photo.format, photo.mode, photo.pixels.dtype) == ("HEIF", "RGB", kind)
    assert near(photo.pixels, scene(kind))
    done = encode_photo(photo)
    again = pillow_heif.open_heif(io.BytesIO(done), convert_hdr_to_8bit=False)[0]
    assert again.info["bit_depth"] == bits
    assert again.info["chroma"] == chroma
    assert again.info["icc_profile"] == P3
    assert near(decode_photo(done).pixels, photo.pixels, 1.0)
    assert header_pixels(source, 80 * 64) == 80 * 64


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_turned_once(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    stored = heic(scene(), exif=exif.tobytes())
    upright = np.rot90(scene(), {1: 0, 3: 2, 6: 3, 8: 1}[orientation])
    photo = decode_photo(stored)
    assert near(photo.pixels, upright)
    done = encode_photo(photo, keep_metadata=True)
    again = pillow_heif.open_heif(io.BytesIO(done))
    assert near(np.asarray(again[0]), upright)  # as a viewer shows it
    kept = Image.Exif()
    kept.load(again[0].info["exif"])
    assert (kept[0x0112], kept[0x010F]) == (1, "Maker")


def test_alpha_of_heic():
    photo = decode_photo(heic(scene(channels=4)))
    assert photo.mode == "RGBA"
    assert near(decode_photo(encode_photo(photo)).pixels, photo.pixels)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_metadata_of_phones(kind, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = "Maker", "Anna Smith"
    if kind == "HEIF":
        source = heic(scene(), exif=exif.tobytes(), xmp=XMP)
    else:
        source = data(Image.fromarray(scene()), kind, exif=exif.tobytes(), xmp=XMP)
    photo = decode_photo(source)
    bare = encode_photo(photo)
    assert b"Maker" not in bare
    assert b"2024-05-06" not in bare
    done = encode_photo(photo, keep_metadata=True)
    assert b"Maker" in done
    assert b"2024-05-06" in done
    assert b"Anna" not in done
    assert b"secret" not in done
    if shutil.which("exiftool"):
        (tmp_path / "a").write_bytes(done)
        told = subprocess.run(["exiftool", tmp_path / "a"], capture_output=True, text=True).stdout
        assert "Maker" in told
        assert "Warning" not in told


def test_thumbnails_of_heic_go():
    big = np.kron(scene(), np.ones((4, 4, 1), np.uint8))
    source = heic(big, thumbnails=[64])
    assert pillow_heif.open_heif(io.BytesIO(source))[0].info["thumbnails"]
    done = encode_photo(decode_photo(source))
    assert not pillow_heif.open_heif(io.BytesIO(done))[0].info["thumbnails"]


def test_gain_maps_and_depth_are_named(monkeypatch):
    opened = pillow_heif.HeifImageFile

    class Phone(opened):
        def _open(self):
            super()._open()
            self.info["aux"] = {"urn:com:apple:photo:2020:aux:hdrgainmap": [7]}
            self.info["depth_images"] = [object()]

    monkeypatch.setattr(pillow_heif, "HeifImageFile", Phone)
    assert decode_photo(heic(scene())).dropped == ("gain map", "depth map")


def test_a_phones_file_end_to_end(tmp_path, portrait):
    from tests.cli.test_protect import call

    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = np.ascontiguousarray(np.rot90(portrait))
    (tmp_path / "IMG_1.HEIC").write_bytes(heic(sideways, exif=exif.tobytes(), icc_profile=P3))
    assert call(tmp_path, "-o", tmp_path / "out") == 0
    done = decode_photo((tmp_path / "out" / "IMG_1.HEIC").read_bytes())
    assert (done.format, done.pixels.shape) == ("HEIF", (512, 512, 3))
    assert np.abs(done.pixels[300:].astype(int) - portrait[300:]).mean() < 2


def test_several_pictures_are_refused():
    file = pillow_heif.HeifFile()
    for _ in range(2):
        file.add_frombytes("RGB", (80, 64), scene().tobytes())
    buffer = io.BytesIO()
    file.save(buffer)
    with pytest.raises(PhotoError, match="2 frames; expected a single picture"):
        decode_photo(buffer.getvalue())


def test_without_the_extra_one_clear_line(monkeypatch):
    source = heic(scene())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match=r'not installed.*pip install "faceveil\[heif\]"'):
        decode_photo(source)


def test_nobody_pays_for_it_who_has_none():
    code = (
        "import sys, faceveil.imaging.decode as d, faceveil.imaging.encode as e; "
        "e.encode_photo(d.load_photo(d.Path(sys.argv[1]))); print('pillow_heif' in sys.modules)"
    )
    portrait = "src/faceveil/assets/astronaut.png"
    done = subprocess.run([sys.executable, "-c", code, portrait], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("sampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_avif_keeps_subsampling_profile_and_rotation(sampling):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(scene())
    options = {"quality": 95, "icc_profile": P3, "exif": exif.tobytes()}
    source = data(image, "AVIF", subsampling=sampling, **options)
    photo = decode_photo(source)
    assert photo.settings["subsampling"] == sampling
    assert near(photo.pixels, np.rot90(scene(), 3))
    done = encode_photo(photo)
    assert decode_photo(done).settings["subsampling"] == sampling
    assert Image.open(io.BytesIO(done)).info["icc_profile"] == P3
    assert near(decode_photo(done).pixels, photo.pixels, 1.5)


@pytest.mark.skipif(not hasattr(cv2, "imencodeWithMetadata"), reason="needs OpenCV 4.12")
@pytest.mark.parametrize("bits", [10, 12])
def test_deep_avif(bits):
    deep = scene(np.uint16)
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95]
    made, blob = cv2.imencode(".avif", deep[..., ::-1] >> (16 - bits), options)
    assert made
    photo = decode_photo(blob.tobytes())
    assert photo.pixels.dtype == np.uint16
    assert near(photo.pixels, deep)
    photo.metadata["icc_profile"] = P3
    done = encode_photo(photo)
    again = decode_photo(done)
    assert again.settings["bits"] == bits
    assert again.metadata["icc_profile"] == P3
    assert near(again.pixels, photo.pixels, 1.5)


def test_colours_stated_by_numbers():
    """A HEIC file without a profile that says it is Display P3."""
    p3 = {"color_primaries": 12, "transfer_characteristics": 13}
    yuv = {"matrix_coefficients": 6, "full_range_flag": 1}
    photo = decode_photo(heic(scene(), chroma=444, **p3, **yuv))
    found = ImageCms.ImageCmsProfile(io.BytesIO(photo.metadata["icc_profile"])).profile
    assert np.allclose(found.red_colorant[0], DISPLAY_P3[0], atol=2e-3)
    light = srgb_light(photo.pixels / 255) @ DISPLAY_P3 @ np.linalg.inv(SRGB)
    wanted = np.where(light < 0.0031308, light * 12.92, 1.055 * np.abs(light) ** (1 / 2.4) - 0.055)
    assert np.abs(as_rgb(photo) - wanted.clip(0, 1) * 255).mean() < 1
    assert np.abs(as_rgb(photo).astype(int) - photo.pixels).mean() > 3
    done = encode_photo(photo)
    assert decode_photo(done).metadata["icc_profile"] == photo.metadata["icc_profile"]


def test_heic_of_hdr_stays_so():
    hdr = {"color_primaries": 9, "transfer_characteristics": 16}
    yuv = {"matrix_coefficients": 9, "full_range_flag": 1}
    photo = decode_photo(heic(scene(np.uint16), bit_depth=10, **hdr, **yuv))
    again = pillow_heif.open_heif(io.BytesIO(encode_photo(photo)))[0].info
    assert again["bit_depth"] == 10
    assert {k: again["nclx_profile"][k] for k in (hdr | yuv)} == hdr | yuv


def test_numbers_of_srgb_and_hdr_have_no_profile():
    assert cicp_profile(1, 13) is None
    assert cicp_profile(9, 16) is None
    assert cicp_profile(12, 1) != cicp_profile(12, 13)


def test_hdr_avif_is_refused():
    source = bytearray(data(Image.fromarray(scene()), "AVIF"))
    at = source.find(b"colrnclx")
    source[at + 8 : at + 12] = bytes([0, 9, 0, 16])
    with pytest.raises(PhotoError, match="HDR picture"):
        decode_photo(bytes(source))


@pytest.mark.parametrize("seed", range(12))
def test_mutated_files_decode_or_say_why(seed):
    rng = np.random.default_rng(seed)
    raw = bytearray(heic(scene()) if seed % 2 else data(Image.fromarray(scene()), "AVIF"))
    for _ in range(int(rng.integers(1, 8))):
        raw[int(rng.integers(12, len(raw)))] = int(rng.integers(256))
    try:
        decode_photo(bytes(raw[: int(rng.integers(len(raw) // 2, len(raw) + 1))]))
    except PhotoError as error:
        assert "\n" not in str(error)  # noqa: PT017
