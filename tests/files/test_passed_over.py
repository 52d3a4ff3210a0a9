"""Nothing is passed over in silence: kinds by content, and what is not looked at is said."""

import json
import os

import pytest
from PIL import Image

from faceveil.files.jobs import plan_jobs
from faceveil.files.paths import kind_of
from tests.cli.test_protect import call
from tests.files.test_batch import write_photo


@pytest.fixture
def photos(tmp_path):
    for i, name in enumerate(("a.jpg", "b.jfif", "c.jpe", "IMG_1", "d.dat", "sub/e.png")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made = write_photo(tmp_path / "made" / f"{i}.{'png' if i == 3 else 'jpg'}", i)
        path.write_bytes(made.read_bytes())
    return tmp_path / "in"


def test_photos_are_known_by_content(photos, tmp_path):
    (photos / "notes.txt").write_text("no photo")
    (photos / "README").write_text("no photo")
    jobs = plan_jobs([str(photos)], tmp_path / "out")
    assert [j.target.name for j in jobs] == ["IMG_1", "a.jpg", "b.jfif", "c.jpe", "d.dat", "e.png"]
    assert call(photos, "-o", tmp_path / "out") == 0
    assert (tmp_path / "out" / "IMG_1").is_file()


KINDS = {
    "a.jxl": b"\xff\x0a",
    "b.gif": b"GIF89a",
    "c": b"\0\0\0\x0cJXL \r\n\x87\n",
    "d.wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "e": b"\0\0\x01\xba",
    "f.mxf": b"whatever",
    ".hidden.jpg": b"\xff\xd8\xff\xe0",
}


@pytest.mark.parametrize(("flags", "code"), [((), 1), (("--on-unknown", "skip"), 0)])
def test_what_is_not_looked_at_is_said(photos, tmp_path, capsys, flags, code):
    for name, data in KINDS.items():
        (photos / name).write_bytes(data)
    (tmp_path / "elsewhere").mkdir()
    (photos / "link").symlink_to(tmp_path / "elsewhere")
    report = tmp_path / "r.json"
    assert call(photos, "-o", tmp_path / "out", "--report", report, *flags) == code
    found = json.loads(report.read_text())["not_looked_at"]
    assert sorted(f["kind"] for f in found) == [
        ".gif",
        ".jxl",
        ".mxf",
        ".wmv",
        "clip without an ending",
        "hidden .jpg",
        "linked folder",
        "picture without an ending",
    ]
    said = capsys.readouterr().err
    assert ("8 files not looked at: 1 .gif, 1 .jxl" in said) == (code == 1)
    assert "6 photos: 6 protected" in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_closed_folder_is_said_by_an_ordinary_user(photos, tmp_path):
    (photos / "sub").chmod(0)
    kinds = [j.unknown for j in plan_jobs([str(photos)], tmp_path / "out")]
    assert "folder that may not be read" in kinds


def test_a_closed_folder_is_said(photos, tmp_path, monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    kinds = [j.unknown for j in plan_jobs([str(photos)], tmp_path / "out")]
    assert kinds.count("folder that may not be read") == 1


def test_every_format_that_pillow_writes_is_known(tmp_path):
    picture = Image.new("RGB", (8, 8))
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"):
        picture.save(tmp_path / "x", kind)
        assert kind_of(tmp_path / "x") == "photo", kind
    for kind in ("GIF", "JPEG2000"):
        picture.save(tmp_path / "x", kind)
        assert kind_of(tmp_path / "x") == "picture", kind
    for text in (b"", b"BM is how this text begins, and goes on", b"MM", b"ID3"):
        (tmp_path / "x").write_bytes(text)
        assert kind_of(tmp_path / "x") is None
