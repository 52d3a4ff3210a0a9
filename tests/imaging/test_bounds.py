"""What a small or hollow file could make a reader do: bounds come first."""

import os
import struct
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from faceveil.errors import PhotoError
from faceveil.imaging.decode import decode_photo, load_photo, read_photo
from faceveil.imaging.metadata import allowed_xmp
from tests.imaging.test_decode import data, picture

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"\xff\xd8\xff\xe0", r"too large: 3,000,000,000 bytes; expected at most 867,108,864 for"),
        (b"\0" * 200, "not an image"),
    ],
)
def test_a_hollow_file_is_refused_before_it_is_read(tmp_path, head, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(head)
    os.truncate(path, 3_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(PhotoError, match=message):
            load_photo(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_bound_moves_with_the_pixels(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    os.truncate(path, (64 << 20) + 8 * 50 + 1)
    with pytest.raises(PhotoError, match="raise --max-pixels"):
        read_photo(path, max_pixels=50)
    assert len(read_photo(path, max_pixels=51)) == (64 << 20) + 8 * 50 + 1


@pytest.mark.parametrize("depth", [1_500, 50_000])
@pytest.mark.parametrize("name", ["a", "rdf:Description"])
def test_deep_xmp_is_no_trouble(depth, name):
    inner = f"<{name}>" * depth + f"</{name}>" * depth
    packet = f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description>{inner}</rdf:Description></rdf:RDF>'
    assert allowed_xmp(packet.encode())[0] == b""


def test_xmp_of_many_names_is_no_trouble():
    """A packet of attributes that are all unknown."""
    inner = " ".join(f'a:b{i}="c"' for i in range(20_000))
    packet = f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description xmlns:a="u" {inner}/></rdf:RDF>'
    kept, gone = allowed_xmp(packet.encode())
    assert kept == b""
    assert len(gone) < 100


def exif_that_circles(pointer):
    """A list of tags that has itself for the list that a pointer leads to, and for its next one."""
    entries = struct.pack("<HHII", 0x010F, 2, 4, 0x00636261)
    entries += struct.pack("<HHII", pointer, 4, 1, 8)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 8)


@pytest.mark.parametrize("pointer", [0x8769, 0x8825, 0xA005, 0x014A, 0x927C])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_in_a_circle_is_no_trouble(kind, pointer):
    photo = decode_photo(data(picture("RGB"), kind, exif=exif_that_circles(pointer)))
    assert photo.pixels.shape == (16, 24, 3)


def test_pages_in_a_circle_are_no_trouble():
    source = bytearray(data(picture("RGB"), "TIFF"))
    first = struct.unpack_from("<I", source, 4)[0]
    count = struct.unpack_from("<H", source, first)[0]
    struct.pack_into("<I", source, first + 2 + 12 * count, first)
    assert decode_photo(bytes(source)).pixels.shape == (16, 24, 3)


def test_a_tree_of_folders_without_end(tmp_path, monkeypatch):
    """Deeper than Python calls functions in each other."""
    memory = Path("/dev/shm")  # such a tree takes ten seconds on some disks
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as top:
        monkeypatch.chdir(top)
        check_deep_tree(Path(top))
        monkeypatch.undo()


def check_deep_tree(top):
    from faceveil.files.jobs import plan_jobs

    for _ in range(1_100):
        os.mkdir("a")
        os.chdir("a")
    with open("x.jpg", "wb") as file:
        file.write(b"\xff\xd8\xff")
    jobs = plan_jobs([str(top)], top.parent / "out")
    assert [j.source.name for j in jobs if not j.unknown] == ["x.jpg"]
    os.unlink("x.jpg")
    for _ in range(1_100):  # pytest's own clearing does not reach so deep
        os.chdir("..")
        os.rmdir("a")
