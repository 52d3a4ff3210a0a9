"""What is kept on request: no picture of the face, no name, whatever the file carried."""

import base64
import io
import shutil
import struct
import subprocess

import numpy as np
import pytest
from PIL import Image

from faceveil.imaging.decode import decode_photo
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.metadata import allowed_xmp
from tests.imaging.test_decode import data, picture

THUMB = data(picture("RGB", (64, 48)), "JPEG")
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"/9j/", b"iVBORw0KGgo")
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def xmp(inner, spaces):
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f"<rdf:Description {spaces}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


THUMBNAIL = xmp(
    f"<xmp:Thumbnails><g:image>{base64.b64encode(THUMB).decode()}</g:image></xmp:Thumbnails>"
    "<xmp:Rating>4</xmp:Rating>",
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:g="http://ns.adobe.com/xap/1.0/g/img/"',
)
NAMES = xmp(
    "<r:Regions><r:Name>Anna Smith</r:Name></r:Regions>",
    'xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0"',
)


def hostile_exif():
    exif = Image.Exif()
    exif[0x010F], exif[0x0131], exif[0x013B] = "OLYMPUS", "Firmware 1.2", "Anna Smith"
    exif[0xC6D2] = THUMB  # a maker's private data
    exif.get_ifd(0x8769)[0x927C] = b"OLYMP\0\1\0" + THUMB
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0Anna Smith"
    exif.get_ifd(0x8769)[0x829D] = 2.8
    exif.get_ifd(0x8769)[0xA434] = "x" * 5000  # a lens with a long name
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("packet", [THUMBNAIL, NAMES])
def test_no_picture_and_no_name_is_kept(kind, packet, tmp_path):
    options = {"exif": hostile_exif().tobytes()}
    if kind in ("JPEG", "WEBP"):
        options["xmp"] = packet
    photo = decode_photo(data(picture("RGB"), kind, **options))
    done = encode_photo(photo, keep_metadata=True)
    assert not [s for s in SIGNATURES if s in done[4:]]
    for word in (b"Anna", b"hdrgm", b"hdr-gain", b"regions", b"xxxxx"):
        assert word not in done
    kept = Image.open(io.BytesIO(done)).getexif()
    assert kept[0x010F] == "OLYMPUS"
    assert float(kept.get_ifd(0x8769)[0x829D]) == pytest.approx(2.8)
    assert {"EXIF MakerNote", "EXIF UserComment", "EXIF Artist"} <= set(photo.withheld)
    if "xmp" in options:
        wanted = "XMP xmp:Thumbnails" if packet is THUMBNAIL else "XMP mwg-rs:Regions"
        assert wanted in photo.withheld
    if shutil.which("exiftool"):
        (tmp_path / "a").write_bytes(done)
        told = subprocess.run(
            ["exiftool", "-a", "-G1", "-ee", "-u", str(tmp_path / "a")], capture_output=True
        ).stdout
        assert b"OLYMPUS" in told
        for word in (b"Anna", b"humbnail", b"Preview", b"Maker"):
            assert word not in told


def test_layers_of_a_tiff_go():
    info = {37724: b"Adobe Photoshop Document Data Block\0" + THUMB, 34377: b"8BIM" + THUMB}
    photo = decode_photo(data(picture("RGB"), "TIFF", tiffinfo=info))
    assert not [s for s in SIGNATURES if s in encode_photo(photo, keep_metadata=True)]
    assert "EXIF 37724" in photo.withheld


def test_xmp_keeps_plain_values_alone():
    kept, gone = allowed_xmp(THUMBNAIL)
    assert b'xmp:Rating="4"' in kept
    assert gone == ["XMP xmp:Thumbnails"]
    assert allowed_xmp(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>") == (b"", ["XMP"])
    assert allowed_xmp(b"<x") == (b"", ["XMP"])


def test_deep_xmp_is_no_trouble():
    deep = xmp("<a>" * 1500 + "</a>" * 1500, 'xmlns="http://other"')
    assert allowed_xmp(deep)[0] == b""


def tiff16(pixels, photometric, planar=1):
    """A plain TIFF of 16 bits, as the standard has it: one strip, or one a plane."""
    planes = pixels if planar == 2 else pixels[None]
    height, width = planes.shape[1:3]
    channels = len(pixels) if planar == 2 else (1 if pixels.ndim == 2 else pixels.shape[2])
    raw = [p.astype("<u2").tobytes() for p in planes]
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, 16), (259, 3, 1, 1)]
    tags += [(262, 3, 1, photometric), (273, 4, len(raw), 0), (277, 3, 1, channels)]
    tags += [(278, 3, 1, height), (279, 4, len(raw), len(raw[0])), (284, 3, 1, planar)]
    at = 8 + 2 + 12 * len(tags) + 4
    lists = {258: struct.pack("<3H", 16, 16, 16), 279: struct.pack("<3I", *[len(raw[0])] * 3)}
    start = at + 6 + 12 + 12
    lists[273] = struct.pack("<3I", *(start + k * len(raw[0]) for k in range(3)))
    places = {258: at, 279: at + 6, 273: at + 18}
    entries = b""
    for tag, kind, count, value in tags:
        if count > 1:
            value = places[tag]
        elif tag == 273:
            value = start
        entries += struct.pack("<HHII", tag, kind, count, value)
    body = lists[258] + lists[279] + lists[273] + b"".join(raw)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + body


def test_grey_of_16_bits_that_is_stored_as_a_negative_comes_out_right(portrait):
    grey = portrait[..., 1].astype(np.uint16) * 257
    photo = decode_photo(tiff16(65535 - grey, photometric=0))
    assert np.array_equal(photo.pixels, grey)
    assert np.array_equal(decode_photo(encode_photo(photo)).pixels, grey)
    assert np.array_equal(decode_photo(tiff16(grey, photometric=1)).pixels, grey)


def test_separate_planes_of_16_bits_are_right_or_refused(portrait):
    from faceveil.errors import PhotoError

    deep = portrait.astype(np.uint16) * 257
    assert np.array_equal(decode_photo(tiff16(deep, photometric=2)).pixels, deep)
    planes = np.ascontiguousarray(deep.transpose(2, 0, 1))
    try:
        photo = decode_photo(tiff16(planes, photometric=2, planar=2))
    except PhotoError as error:
        assert "not supported" in str(error)  # noqa: PT017
    else:
        assert np.array_equal(photo.pixels, deep)
