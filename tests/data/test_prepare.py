"""Raw photos into packs: aligned, resumable, nothing overwritten."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the train extra")
import pyarrow.parquet as pq

from faceveil.data import prepare as module
from faceveil.data.packs import load_packs
from faceveil.data.prepare import most_central, prepare
from faceveil.data.records import Record
from faceveil.errors import OptionError
from faceveil.imaging.geometry import canonical_template
from faceveil.types import Face


class FixedDetector:
    """Finds the face where the test put it; none in dark photos."""

    def __init__(self, points):
        self.points, self.calls = points, 0

    def detect(self, rgb):
        self.calls += 1
        if rgb.mean() < 20:
            return ()
        return (Face((10.0, 10.0, 90.0, 90.0), self.points.astype(np.float32), 0.9),)


@pytest.fixture
def photos(tmp_path):
    """Nine photos of 100x100, one of them dark and one of them no photo."""
    rng = np.random.default_rng(0)
    records = []
    for i in range(9):
        picture = cv2.resize(rng.integers(60, 255, (10, 10, 3), dtype=np.uint8), (100, 100))
        if i == 4:
            picture[:] = 3
        path = tmp_path / "raw" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), picture)
        if i == 7:
            path.write_bytes(b"not a photo")
        split = "train" if i < 6 else "test"
        records.append(Record(path, "m" if i % 2 else "f", str(i // 2), path.name, split=split))
    return records


@pytest.fixture
def detector():
    return FixedDetector(canonical_template(64) + 15)


def digest(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.glob("*.parquet"))}


def test_packs_hold_aligned_faces(tmp_path, photos, detector):
    done = prepare(photos, "x", tmp_path / "out", detector, size=64)
    assert [p.name for p in done.packs] == ["x-test.parquet", "x-train.parquet"]
    assert (done.faces, done.fresh) == (7, True)
    assert [s for s, _ in done.skipped] == ["7.png", "4.png"]
    assert "no face" in dict(done.skipped)["4.png"]
    pack = load_packs([tmp_path / "out" / "x-train.parquet"])
    assert pack.images.shape == (5, 64, 64, 3)
    first = cv2.imread(str(photos[0].path))[15:79, 15:79, ::-1]  # the face is 15 px off the frame
    assert np.abs(pack.images[0].astype(int) - first).mean() < 4  # WebP
    assert pack.male.tolist() == [0, 1, 0, 1, 1]
    assert "age" not in pq.read_table(tmp_path / "out" / "x-train.parquet").schema.names


def test_landmarks_of_the_data_set_spare_detection(tmp_path, photos, detector):
    points = tuple(map(tuple, canonical_template(64) + 15))
    given = [replace(r, landmarks=points) for r in photos[:3]]
    by_points = prepare(given, "a", tmp_path / "a", detector, size=64)
    assert detector.calls == 0
    by_detector = prepare(photos[:3], "a", tmp_path / "b", detector, size=64)
    assert by_points.packs[0].read_bytes() == by_detector.packs[0].read_bytes()


def test_killed_and_resumed(tmp_path, photos, detector, monkeypatch):
    monkeypatch.setattr(module, "SHARD", 2)
    prepare(photos, "x", tmp_path / "straight", detector, size=64)
    fresh, real, calls = FixedDetector(detector.points), module._write_shard, []

    def dies(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_shard", dies)
        with pytest.raises(KeyboardInterrupt):
            prepare(photos, "x", tmp_path / "killed", fresh, size=64)
    before = fresh.calls
    assert before == 2  # three photos of the first part, one of which is no photo
    assert not digest(tmp_path / "killed")
    prepare(photos, "x", tmp_path / "killed", fresh, size=64)
    assert digest(tmp_path / "killed") == digest(tmp_path / "straight")
    assert fresh.calls - before == 6  # the other part only
    assert not list((tmp_path / "killed").glob(".*"))


def test_killed_between_two_packs(tmp_path, photos, detector, monkeypatch):
    prepare(photos, "x", tmp_path / "straight", detector, size=64)
    real, calls = module._join, []

    def dies(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_join", dies)
        with pytest.raises(KeyboardInterrupt):
            prepare(photos, "x", tmp_path / "killed", detector, size=64)
    assert len(digest(tmp_path / "killed")) == 1
    assert prepare(photos, "x", tmp_path / "killed", detector, size=64).fresh
    assert digest(tmp_path / "killed") == digest(tmp_path / "straight")


def test_up_to_date_and_other_settings(tmp_path, photos, detector):
    out = tmp_path / "out"
    prepare(photos, "x", out, detector, size=64)
    calls, before = detector.calls, digest(out)
    again = prepare(photos, "x", out, detector, size=64)
    assert (detector.calls, again.fresh, again.faces) == (calls, False, 7)
    with pytest.raises(OptionError, match="--overwrite"):
        prepare(photos, "x", out, detector, size=32)
    assert digest(out) == before
    assert prepare(photos, "x", out, detector, size=32, overwrite=True).fresh
    assert digest(out) != before


def test_no_face_at_all(tmp_path, photos, detector):
    with pytest.raises(OptionError, match="no face"):
        prepare(photos[4:5], "x", tmp_path / "out", detector)


def test_the_large_face_in_the_middle():
    def face(x, y, side):
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        return Face(box, np.zeros((5, 2), np.float32), 0.9)

    corner, middle, far = face(10, 10, 30), face(52, 48, 25), face(95, 95, 60)
    assert most_central((corner, middle, far), (100, 100)) is middle
