"""Batches: one bad file is one line, nothing is half-written, a stopped run goes on."""

import errno
import io
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from faceveil.files.batch import BatchOptions, protect_files
from faceveil.files.jobs import plan_jobs
from faceveil.files.reports import counts, summary
from faceveil.imaging.encode import TEMPORARY
from faceveil.imaging.photo import as_rgb
from faceveil.protect.given import completed
from faceveil.protect.photo import PhotoOptions, protect_photo
from tests.protect.fakes import BrightenProtector, FixedDetector, FixedEstimator


class FakeProtector:
    """Like a Protector, without models."""

    device = "CPU"

    def __init__(self, detector=None):
        self.detector = detector or FixedDetector()
        self.crop_protector = BrightenProtector()

    def choose(self, photo, options, given=None):
        rgb = as_rgb(photo)
        sight = None if given is None else completed(given, rgb, self.detector)
        return options.choose(rgb, self.detector, sight)

    def protect_loaded(self, photo, options, given=None):
        return protect_photo(
            photo, BrightenProtector(), FixedEstimator(), self.detector, options, given
        )


def write_photo(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(60, 190, (200, 180, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def run(folder, out, workers=1, protector=None, in_place=False, **options):
    jobs = plan_jobs([str(folder)], None if in_place else out, in_place=in_place)
    batch = BatchOptions(PhotoOptions(), in_place=in_place, **options)
    return list(protect_files(jobs, protector or FakeProtector(), batch, workers))


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "in"
    for i, name in enumerate(("a.png", "b c.jpg", "new\nline 😀.png", "sub/d.webp")):
        write_photo(root / name, i)
    return root


def test_all_are_protected_in_order(photos, tmp_path):
    out = tmp_path / "out"
    results = run(photos, out, workers=3)
    assert [r.status for r in results] == ["protected"] * 4
    names = [str(r.source.relative_to(photos)) for r in results]
    assert names == ["a.png", "b c.jpg", "new\nline 😀.png", "sub/d.webp"]
    for result in results:
        with Image.open(result.target) as after, Image.open(result.source) as before:
            assert after.size == before.size
            assert after.format == before.format


def test_result_does_not_depend_on_workers(photos, tmp_path):
    one = run(photos, tmp_path / "1", workers=1)
    four = run(photos, tmp_path / "4", workers=4)
    for a, b in zip(one, four, strict=True):
        assert a.target.read_bytes() == b.target.read_bytes()


def bad_files(root):
    root.mkdir(parents=True, exist_ok=True)
    good = io.BytesIO()
    Image.new("RGB", (300, 300)).save(good, "PNG")
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.png").write_text("not a photo")
    (root / "truncated.png").write_bytes(good.getvalue()[:150])
    (root / "link.jpg").symlink_to(root / "gone.jpg")
    return 4


def test_bad_files_are_one_line_and_the_rest_is_done(photos, tmp_path):
    bad = bad_files(photos / "bad")
    results = run(photos, tmp_path / "out", workers=2)
    assert counts(results) == {"protected": 4, "no_face": 0, "skipped": 0, "failed": bad}
    for result in results:
        if result.status == "failed":
            assert result.message
            assert "\n" not in result.message
            assert not result.target.exists()


def test_wrong_extension_is_read_by_content(tmp_path):
    write_photo(tmp_path / "in" / "x.png").rename(tmp_path / "in" / "x.jpg")
    (result,) = run(tmp_path / "in", tmp_path / "out")
    assert result.status == "protected"
    with Image.open(result.target) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("existing", "status", "changed"),
    [("skip", "skipped", False), ("error", "failed", False), ("overwrite", "protected", True)],
)
def test_existing_outputs(tmp_path, existing, status, changed):
    write_photo(tmp_path / "in" / "x.png")
    out = tmp_path / "out"
    out.mkdir()
    (out / "x.png").write_bytes(b"old")
    (result,) = run(tmp_path / "in", out, existing=existing)
    assert result.status == status
    assert ((out / "x.png").read_bytes() != b"old") == changed


def test_in_place_replaces_the_input(tmp_path):
    path = write_photo(tmp_path / "in" / "x.png")
    before = path.read_bytes()
    (result,) = run(tmp_path / "in", None, in_place=True)
    assert result.status == "protected"
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    ("choice", "status", "written"),
    [("skip", "no_face", False), ("copy", "no_face", True), ("fail", "failed", False)],
)
def test_no_face(tmp_path, choice, status, written):
    path = tmp_path / "in" / "x.jpg"
    path.parent.mkdir()
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    Image.new("RGB", (64, 64)).save(path, exif=exif.tobytes())
    blind = FakeProtector(FixedDetector(()))
    (result,) = run(tmp_path / "in", tmp_path / "out", protector=blind, on_no_face=choice)
    assert result.status == status
    assert result.target.exists() == written
    if written:  # a copy loses its metadata like any other output
        assert b"Secret" not in result.target.read_bytes()


def test_full_disk(photos, tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def second_fails(fd):
        calls.append(fd)
        if len(calls) == 3:  # a file, its folder, and the next file
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", second_fails)
    results = run(photos, tmp_path / "out")
    assert [r.status for r in results] == ["protected", "failed", "protected", "protected"]
    assert "disk is full" in results[1].message
    assert not list((tmp_path / "out").rglob(f"*{TEMPORARY}"))


def test_a_bug_is_reported_and_does_not_end_the_batch(photos, tmp_path):
    class Broken(FakeProtector):
        def protect_loaded(self, photo, options, given=None):
            raise ZeroDivisionError("oh\nno")

    results = run(photos, tmp_path / "out", protector=Broken())
    assert {r.status for r in results} == {"failed"}
    assert results[0].message == "unexpected ZeroDivisionError: oh no; please report it"


def test_memory_is_bounded(tmp_path):
    """No more photos are opened ahead than two per worker."""
    folder = tmp_path / "in"
    for i in range(12):
        write_photo(folder / f"{i:02}.png", i)
    opened = []

    class Counting(FakeProtector):
        def protect_loaded(self, photo, options, given=None):
            opened.append(1)
            return super().protect_loaded(photo, options, given)

    jobs = plan_jobs([str(folder)], tmp_path / "out")
    stream = protect_files(jobs, Counting(), BatchOptions(PhotoOptions()), 2)
    next(stream)
    time.sleep(0.3)
    assert len(opened) <= 5
    assert len(list(stream)) == 11


def test_summary(photos, tmp_path):
    bad_files(photos / "bad")
    results = run(photos, tmp_path / "out")
    assert counts(results)["protected"] == 4
    assert "4 protected" in summary(results, 1.5)


SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.files.test_batch import FakeProtector, run
class Slow(FakeProtector):
    def protect_loaded(self, photo, options, given=None):
        time.sleep(0.02)
        return super().protect_loaded(photo, options, given)
print("ready", flush=True)
run(Path(sys.argv[1]), Path(sys.argv[2]), workers=2, protector=Slow())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("delay", [0.03, 0.11, 0.23])
def test_killed_run_leaves_no_partial_file_and_goes_on(tmp_path, delay, pytestconfig):
    folder, out = tmp_path / "in", tmp_path / "out"
    for i in range(16):
        write_photo(folder / f"{i:02}.png", i)
    script = SCRIPT.format(root=str(pytestconfig.rootpath))
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(out)], stdout=subprocess.PIPE
    )
    child.stdout.readline()
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    finished = [p for p in out.rglob("*.png") if not p.name.endswith(TEMPORARY)]
    for path in finished:
        with Image.open(path) as image:
            image.load()
    before = {p: p.read_bytes() for p in finished}
    results = run(folder, out)
    assert counts(results)["skipped"] == len(finished)
    assert counts(results)["protected"] == 16 - len(finished)
    reference = run(folder, tmp_path / "undisturbed")
    for result in reference:
        assert (out / result.target.name).read_bytes() == result.target.read_bytes()
    assert all(p.read_bytes() == content for p, content in before.items())


@pytest.mark.parametrize(("existing", "status"), [("skip", "skipped"), ("error", "failed")])
def test_another_run_writes_the_output_meanwhile(tmp_path, existing, status):
    write_photo(tmp_path / "in" / "x.png")
    out = tmp_path / "out" / "x.png"

    class Late(FakeProtector):
        def protect_loaded(self, photo, options, given=None):
            out.parent.mkdir()
            out.write_bytes(b"the other run's")
            return super().protect_loaded(photo, options, given)

    (result,) = run(tmp_path / "in", tmp_path / "out", protector=Late(), existing=existing)
    assert result.status == status
    assert "already there" in result.message
    assert out.read_bytes() == b"the other run's"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_pipes_and_devices_are_refused(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    os.mkfifo(folder / "a.jpg")
    (folder / "b.png").symlink_to("/dev/zero")
    results = run(folder, tmp_path / "out")
    assert [r.status for r in results] == ["failed"] * 2
    assert all(r.message.startswith("a pipe or device") for r in results)
