"""Packs: what is written is what is read; damage is named."""

import cv2
import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="needs the train extra")
import pyarrow.parquet as pq  # noqa: E402

from faceveil.data.packs import load_packs, sha256_of  # noqa: E402
from faceveil.errors import OptionError  # noqa: E402


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
