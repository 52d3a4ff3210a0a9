"""Packs: what is written is what is read; damage is named."""

import cv2
import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="needs the train extra")
import pyarrow.parquet as pq  # noqa: E402

from faceveil.data import packs  # noqa: E402
from faceveil.data.packs import decoded_in, face_blocks, load_packs, sha256_of, take  # noqa: E402
from faceveil.errors import OptionError, OutputError  # noqa: E402


def write(path, images, genders, identities=None, blobs=None):
    blobs = blobs or [cv2.imencode(".png", i[..., ::-1])[1].tobytes() for i in images]
    columns = {"image": blobs, "gender": genders}
    if identities:
        columns["identity"] = identities
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def test_reads_what_was_written(tmp_path, images):
    path = write(tmp_path / "p.parquet", images, ["m", "f", "m"], ["b", "a", "b"])
    pack = load_packs([path, path])
    assert np.array_equal(pack.images[:3], images)
    assert pack.male.tolist() == [1, 0, 1, 1, 0, 1]
    assert pack.identity.tolist() == [1, 0, 1, 1, 0, 1]


def test_grey_is_luma(tmp_path, images):
    pack = load_packs([write(tmp_path / "p.parquet", images, ["m", "f", "m"])], grey=True)
    luma = images @ np.array([0.299, 0.587, 0.114])
    assert np.abs(pack.images - luma).max() <= 1
    assert pack.identity.size == 0


def test_damage_is_named(tmp_path, images):
    bad = write(tmp_path / "p.parquet", images, ["m", "f"], blobs=[b"RIFF", b""])
    with pytest.raises(OptionError, match="image 0 cannot be decoded"):
        load_packs([bad])
    with pytest.raises(OptionError, match="no such file"):
        load_packs([tmp_path / "none.parquet"])
    pq.write_table(pa.table({"image": [b""]}), bad)
    with pytest.raises(OptionError, match="gender"):
        load_packs([bad])


def test_digest(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert sha256_of([path])["x"].startswith("ba7816bf")


@pytest.mark.parametrize("grey", [False, True])
def test_many_faces_are_mapped_and_the_same(tmp_path, images, monkeypatch, grey):
    """Beyond the limit the decoded faces are a file: temporary, or kept for the next reader."""
    path = write(tmp_path / "p.parquet", images, ["m", "f", "m"])
    held = load_packs([path, path], grey=grey)
    monkeypatch.setattr(packs, "IN_MEMORY", 10)
    mapped = load_packs([path, path], grey=grey)
    assert isinstance(mapped.images, np.memmap)
    np.testing.assert_array_equal(mapped.images, held.images)
    folder = tmp_path / "pixels"
    with decoded_in(folder):
        kept = load_packs([path, path], grey=grey)
        (file,) = folder.glob("*.u8")
        before = file.stat().st_mtime_ns
        again = load_packs([path, path], grey=grey)
        assert file.stat().st_mtime_ns == before  # found, not decoded again
        np.testing.assert_array_equal(kept.images, held.images)
        np.testing.assert_array_equal(again.images, held.images)
        file.unlink()
        file.write_bytes(b"cut off")
        np.testing.assert_array_equal(load_packs([path, path], grey=grey).images, held.images)
    assert not list(folder.glob("*.tmp"))


def test_another_pack_of_the_same_name_is_decoded_anew(tmp_path, images, monkeypatch):
    monkeypatch.setattr(packs, "IN_MEMORY", 10)
    with decoded_in(tmp_path / "pixels"):
        load_packs([write(tmp_path / "p.parquet", images, ["m", "f", "m"])])
        other = write(tmp_path / "p.parquet", images[::-1], ["m", "f", "m"])
        np.testing.assert_array_equal(load_packs([other]).images, images[::-1])


def test_take_is_a_copy(tmp_path, images, monkeypatch):
    monkeypatch.setattr(packs, "IN_MEMORY", 10)
    pack = load_packs([write(tmp_path / "p.parquet", images, ["m", "f", "m"])])
    some = take(pack.images, np.array([2, 0]))
    np.testing.assert_array_equal(some, images[[2, 0]])
    some[:] = 0  # an array of its own
    np.testing.assert_array_equal(take(pack.images, slice(0, 2)), images[:2])


def test_no_room_for_the_decoded_faces(tmp_path, images, monkeypatch):
    monkeypatch.setattr(packs, "IN_MEMORY", 10)
    usage = packs.shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(packs.shutil, "disk_usage", lambda _: usage)
    path = write(tmp_path / "p.parquet", images, ["m", "f", "m"])
    with decoded_in(tmp_path / "pixels"), pytest.raises(OutputError, match="GB free"):
        load_packs([path])
    assert not list((tmp_path / "pixels").glob("*.u8"))


def test_faces_in_passing(tmp_path, images, monkeypatch):
    monkeypatch.setattr(packs, "BLOCK", 2)
    path = write(tmp_path / "p.parquet", images, ["m", "f", "m"])
    blocks = list(face_blocks([path, path]))
    np.testing.assert_array_equal(np.concatenate([i for i, _ in blocks])[3:], images)
    assert np.concatenate([m for _, m in blocks]).tolist() == [1, 0, 1, 1, 0, 1]
    chosen = np.array([True, False, False, False, True, True])
    some = list(face_blocks([path, path], chosen))
    np.testing.assert_array_equal(np.concatenate([i for i, _ in some]), images[[0, 1, 2]])
    assert np.concatenate([m for _, m in some]).tolist() == [1, 0, 1]


def test_faces_of_two_sizes_are_refused(tmp_path, images):
    a = write(tmp_path / "a.parquet", images, ["m", "f", "m"])
    b = write(tmp_path / "b.parquet", images[:, :4, :4], ["m", "f", "m"])
    with pytest.raises(OptionError, match="packs of one size"):
        load_packs([a, b])
    blobs = [cv2.imencode(".png", i)[1].tobytes() for i in (images[0], images[0, :4])]
    mixed = write(tmp_path / "c.parquet", images, ["m", "f"], blobs=blobs)
    with pytest.raises(OptionError, match="expected one size"):
        load_packs([mixed])
