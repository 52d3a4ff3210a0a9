"""Odd photos, made by the scripts beside the checkout: each with its right value.

What is written is looked at for pictures of the face as it was, byte by byte and by exiftool.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from faceveil.errors import PhotoError
from faceveil.imaging.decode import decode_photo, load_photo
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.photo import as_rgb
from tests.imaging.test_decode import data
from tests.imaging.test_heif import heic, scene
from tests.imaging.test_metadata import NAMES, hostile_exif

pytest.importorskip("tifffile")
pytest.importorskip("skimage")

# Tools that a machine may lack do nothing here but make the file that the script goes on with.
STUB = """#!/bin/sh
for last; do :; done
while [ $# -gt 0 ]; do if [ "$1" = -outfile ]; then cp "$last" "$2"; fi; shift; done
"""
RUN = """
import runpy, sys, types
import tifffile  # which has codecs of its own where imagecodecs is absent
sys.modules.setdefault("imagecodecs", types.ModuleType("imagecodecs"))
script, out = sys.argv[1:3]
sys.argv = [script, out]
runpy.run_path(script, run_name="__main__")
"""
OF_TOOLS = {
    "jpegtran": {"jpeg440.jpg", "arith.jpg"},
    "cjpeg": {"jpeg_rgb.jpg", "jpeg411.jpg"},
    "ffmpeg": {"bmp565.bmp"},
}

EXACT, LOSSY, GREY, NOT = 0.5, 3.5, "grey", None
SHOWN = {  # mode, bits, and how far from the astronaut in levels of 255
    "phone_exif6_thumb.jpg": ("RGB", 8, LOSSY),
    "phone_p3.jpg": ("RGB", 8, LOSSY),
    "camera_adobergb.jpg": ("RGB", 8, LOSSY),
    "raw_prophoto.tif": ("RGB", 8, EXACT),
    "icc_channels_turned.png": ("RGB", 8, EXACT),
    "xmp_thumbnail.jpg": ("RGB", 8, LOSSY),
    "stereo.mpo.jpg": ("RGB", 8, LOSSY),
    "ultrahdr.jpg": ("RGB", 8, LOSSY),
    "t16_orient6.tif": ("RGB", 16, EXACT),
    "t8_orient6.tif": ("RGB", 8, EXACT),
    "t16_miniswhite.tif": ("L", 16, GREY),
    "t8_miniswhite.tif": ("L", 8, GREY),
    "t16_tiled_zlib.tif": ("RGB", 16, EXACT),
    "t16_big.tif": ("RGB", 16, EXACT),
    "t8_with_thumbnail_page.tif": ("RGB", 8, EXACT),
    "p16_la.png": ("RGBA", 16, GREY),
    "p16_rgb_trns.png": ("RGBA", 16, EXACT),
    "p16_p3_exif6.png": ("RGB", 16, NOT),
    "p16_gamma_linear.png": ("RGB", 16, NOT),
    "p8_gamma_linear.png": ("RGB", 8, NOT),
    "p16_cicp_pq.png": ("RGB", 16, EXACT),
    "cmyk_q95.jpg": ("CMYK", 8, LOSSY),
    "ycck.jpg": ("CMYK", 8, LOSSY),
    "jpeg440.jpg": ("RGB", 8, NOT),  # turned
    "jpeg411.jpg": ("RGB", 8, LOSSY),
    "jpeg_rgb.jpg": ("RGB", 8, LOSSY),
    "palette_trns.png": ("RGBA", 8, 6.0),
    "bmp32_alpha.bmp": ("RGB", 8, EXACT),
    "bmp565.bmp": ("RGB", 8, NOT),
    "rgba_lossy.webp": ("RGBA", 8, LOSSY),
    "la_icc.png": ("LA", 8, GREY),
    "sepia_faded.jpg": ("RGB", 8, NOT),
    "letterbox.png": ("RGB", 8, NOT),
    "print_1bit.tif": ("L", 8, NOT),
}
DROPPED = {
    "stereo.mpo.jpg": "second picture",
    "ultrahdr.jpg": "gain map",
    "t8_with_thumbnail_page.tif": "preview page",
}
REFUSED = {
    "t16_cmyk.tif": "16-bit photo is not supported",
    "t16_planar.tif": "16-bit photo is not supported",
    "t32_float.tif": "TIFF file of a rare kind",
    "t8_lab.tif": "pixel mode LAB is not supported",
    "arith.jpg": r"rare kind \(arithmetic\)",
    "jpeg12.jpg": r"rare kind \(12-bit\)",
    "lossless.jpg": r"rare kind \(lossless\)",
    "anim.gif": "not an image",
    "still.gif": "not an image",
    "anim.webp": "4 frames",
    "anim.png": "4 frames",
    "pages.tif": "4 frames",
}
EMBEDDED = {
    "photoshop_layers.tif",
    "makernote_preview.jpg",
    "comment.jpg",
    "text.png",
    "names.webp",
}
PICTURE = re.compile(
    rb"\xff\xd8\xff[\xdb\xe0\xe1\xee]|\x89PNG\r\n\x1a\n|/9j/[24]|iVBORw0KGgo|8BIM|ftyp(mp4|isom|qt)"
)
LAYOUT = ("StripOffsets", "StripByteCounts", "MediaData")  # where the picture itself lies
MAYBE = {"arith.jpg", "t16_planar.tif"}  # which other builds of the decoders read


@pytest.fixture(scope="module")
def made(shared, tmp_path_factory):
    """The photos of both scripts, by name."""
    top = tmp_path_factory.mktemp("cases")
    stubs = top / "stubs"
    stubs.mkdir()
    for tool in OF_TOOLS:
        (stubs / tool).write_text(STUB)
        (stubs / tool).chmod(0o755)
    path = os.pathsep.join((os.environ["PATH"], str(stubs)))  # the real ones first
    for script in ("make_photos.py", "make_embedded.py"):
        whole = shared / "cases" / script
        if not whole.is_file():
            pytest.skip(f"../shared/cases/{script} is absent")
        done = subprocess.run(
            [sys.executable, "-c", RUN, whole, top / script],
            capture_output=True, text=True, env={**os.environ, "PATH": path},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    found = {p.name: p for s in ("make_photos.py", "make_embedded.py") for p in (top / s).iterdir()}
    stubbed = [names for tool, names in OF_TOOLS.items() if not shutil.which(tool)]
    for name in set().union(*stubbed):
        found.pop(name, None)
    return found


def wanted(name, made):
    if name not in made:
        pytest.skip("a tool that makes it is absent")
    return made[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SHOWN)
def test_photos_are_read_and_written_as_they_are(made, portrait, name):
    mode, bits, far = SHOWN[name]
    photo = load_photo(wanted(name, made))
    assert (photo.mode, photo.pixels.dtype) == (mode, f"uint{bits}")
    assert photo.dropped == ((DROPPED[name],) if name in DROPPED else ())
    if far is not NOT:
        grey = np.asarray(Image.fromarray(portrait).convert("L"))[..., None]
        reference, most = (grey, 1.0) if far == GREY else (portrait, far)
        assert np.abs(as_rgb(photo).astype(int) - reference).mean() <= most
    path = made[name].with_name("again")
    path.write_bytes(encode_photo(photo))
    assert not PICTURE.search(path.read_bytes(), 12)
    again = load_photo(path)
    assert (again.mode, again.pixels.dtype) == (photo.mode, photo.pixels.dtype)
    scale = 257 if bits == 16 else 1
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() / scale <= 1.0
    assert again.metadata.get("icc_profile") == photo.metadata.get("icc_profile")
    assert again.settings.get("chunks") == photo.settings.get("chunks")
    path.unlink()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_neither_decoder_reads_is_refused_and_not_called_damaged(made, name):
    path = wanted(name, made)
    try:
        load_photo(path)
    except PhotoError as error:
        assert re.search(REFUSED[name], str(error))  # noqa: PT017
        assert not str(error).startswith("damaged")  # noqa: PT017
    else:
        assert name in MAYBE


def test_no_kind_is_forgotten(made):
    known = set(SHOWN) | set(REFUSED) | EMBEDDED
    assert set(made) - known == set()


@pytest.mark.filterwarnings("ignore")
def test_no_output_holds_a_picture_or_a_name(made, tmp_path):
    """Of all formats, with all metadata that may be kept."""
    for name in sorted((set(SHOWN) | EMBEDDED) & set(made) - {"letterbox.png"}):  # a large one
        (tmp_path / name).write_bytes(kept(load_photo(made[name])))
    of_phones = {"a.avif": data(Image.fromarray(scene()), "AVIF", exif=hostile_exif(), xmp=NAMES)}
    if importlib.util.find_spec("pillow_heif"):
        of_phones["a.heic"] = heic(scene(), exif=hostile_exif().tobytes(), xmp=NAMES)
    for name, blob in of_phones.items():
        (tmp_path / name).write_bytes(kept(decode_photo(blob)))
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is absent: the bytes alone have been looked at")
    told = subprocess.run(
        ["exiftool", "-a", "-u", "-ee", "-G1", "-j", "-struct", tmp_path],
        capture_output=True, text=True,
    )  # fmt: skip
    files = json.loads(told.stdout)
    assert len(files) == len(list(tmp_path.iterdir()))
    secret = re.compile("thumb|preview|maker|gainmap|depth.*image|mpf|photoshop|error", re.I)
    for file in files:
        for tag, value in file.items():
            layout = tag.startswith("ICC") or tag.endswith(LAYOUT)
            assert layout or "binary data" not in str(value).lower(), (file["SourceFile"], tag)
            assert not secret.search(tag), (file["SourceFile"], tag)


def kept(photo):
    """What is written with all metadata, once its bytes have been looked at."""
    blob = encode_photo(photo, keep_metadata=True)
    assert not PICTURE.search(blob, 12)
    for word in (b"Anna", b"Smith", b"hdrgm", b"Thumbnail", b"GainMap", b"OLYMP\0"):
        assert word not in blob
    return blob
