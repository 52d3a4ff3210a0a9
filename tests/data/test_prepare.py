"""Raw photos into packs: aligned, resumable, nothing overwritten."""

import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the train extra")
import pyarrow.parquet as pq

from faceveil.data import prepare as module
from faceveil.data.align import most_central
from faceveil.data.packs import load_packs
from faceveil.data.prepare import prepare
from faceveil.data.records import Record
from faceveil.errors import NoFaceError, OptionError, OutputError
from faceveil.imaging.encode import TEMPORARY
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
    assert [p.name for p in done.packs] == ["x-train.parquet", "x-test.parquet"]
    assert (done.faces, done.fresh) == (7, True)
    assert [s for s, _ in done.skipped] == ["4.png", "7.png"]
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
    fresh, real, calls = FixedDetector(detector.points), module.write_shard, []

    def dies(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_shard", dies)
        with pytest.raises(KeyboardInterrupt):
            prepare(photos, "x", tmp_path / "killed", fresh, size=64)
    before = fresh.calls
    assert before == 4  # two shards
    assert not digest(tmp_path / "killed")
    prepare(photos, "x", tmp_path / "killed", fresh, size=64)
    assert digest(tmp_path / "killed") == digest(tmp_path / "straight")
    assert fresh.calls - before == 4  # the other three, less one that is no photo
    assert not list((tmp_path / "killed").glob(".*"))


def test_killed_at_any_file(tmp_path, photos, detector, monkeypatch):
    monkeypatch.setattr(module, "SHARD", 2)
    prepare(photos, "x", tmp_path / "straight", detector, size=64)
    real, left = os.replace, [0]

    def dies(*args):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(os, "replace", dies)
    kills = 0
    for allowed in range(20):
        out = tmp_path / f"killed-{allowed}"
        left[0] = allowed
        try:
            prepare(photos, "x", out, detector, size=64)
        except KeyboardInterrupt:
            kills += 1
        left[0] = 100
        prepare(photos, "x", out, detector, size=64)
        assert digest(out) == digest(tmp_path / "straight")
        assert sorted(p.name for p in out.iterdir()) == [
            "x-test.parquet",
            "x-train.parquet",
            "x.prepared.json",
        ]
    assert kills == 9  # five shards, two packs, and what is known of them twice


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


def test_overwriting_leaves_no_pack_of_other_settings(tmp_path, photos, detector):
    out = tmp_path / "out"
    prepare(photos, "x", out, detector, size=64)
    (out / "x-notes.txt").write_text("kept")
    all_train = [replace(r, split="train") for r in photos]
    with pytest.raises(OptionError, match="--overwrite"):
        prepare(all_train, "x", out, detector, size=64)
    prepare(all_train, "x", out, detector, size=64, overwrite=True)
    assert list(digest(out)) == ["x-train.parquet"]  # else its people would be in the test too
    assert (out / "x-notes.txt").exists()


def test_a_foreign_pack_stays(tmp_path, photos, detector):
    out = tmp_path / "out"
    out.mkdir()
    (out / "x-val.parquet").write_bytes(b"mine")
    with pytest.raises(OptionError, match=r"x-val\.parquet"):
        prepare(photos, "x", out, detector, size=64)
    assert [p.name for p in out.iterdir()] == ["x-val.parquet"]
    assert detector.calls == 0


def test_a_replaced_photo_is_noticed(tmp_path, photos, detector):
    prepare(photos, "x", tmp_path / "out", detector, size=64)
    photos[7].path.write_bytes(photos[0].path.read_bytes())
    with pytest.raises(OptionError, match="not made of these photos"):
        prepare(photos, "x", tmp_path / "out", detector, size=64)
    done = prepare(photos, "x", tmp_path / "out", detector, size=64, overwrite=True)
    assert (done.faces, len(done.skipped)) == (8, 1)


def test_jobs_change_no_byte(tmp_path, photos, detector):
    prepare(photos, "x", tmp_path / "one", detector, size=64)
    prepare(photos, "x", tmp_path / "four", detector, size=64, jobs=4)
    assert digest(tmp_path / "one") == digest(tmp_path / "four")


def test_unknown_people_are_not_one_person(tmp_path, photos, detector):
    some = [replace(r, identity="" if i in (0, 5) else "A") for i, r in enumerate(photos[:6])]
    pack = load_packs(prepare(some, "x", tmp_path / "a", detector, size=64).packs)
    assert np.unique(pack.identity, return_counts=True)[1].tolist() == [1, 1, 3]
    none = [replace(r, identity="") for r in photos[:6]]
    assert not len(load_packs(prepare(none, "x", tmp_path / "b", detector, size=64).packs).identity)


def test_all_parts_have_the_same_columns(tmp_path, photos, detector):
    aged = [replace(r, age=30 if r.split == "train" else None) for r in photos]
    train, test = prepare(aged, "x", tmp_path, detector, size=64).packs
    names = pq.read_schema(train).names
    assert pq.read_schema(test).names == names == ["image", "gender", "identity", "source", "age"]
    assert pq.read_table(train)["age"].to_pylist() == [30] * 5


def test_landmarks_that_are_no_face_are_left_out(tmp_path, photos, detector):
    flat = replace(photos[0], landmarks=((5.0, 5.0),) * 5)
    done = prepare([flat, photos[1]], "x", tmp_path, detector, size=64)
    assert done.faces == 1
    assert "all points coincide" in dict(done.skipped)["0.png"]


def test_a_part_without_faces_has_no_pack(tmp_path, photos, detector):
    lost = [replace(r, split="val" if i == 4 else "train") for i, r in enumerate(photos)]
    assert [p.name for p in prepare(lost, "x", tmp_path, detector).packs] == ["x-train.parquet"]
    assert not prepare(lost, "x", tmp_path, detector).fresh


def test_no_face_at_all(tmp_path, photos, detector):
    with pytest.raises(NoFaceError, match="no face in any of 1"):
        prepare(photos[4:5], "x", tmp_path / "out", detector)
    assert not list((tmp_path / "out").iterdir())


def test_bad_input(tmp_path, photos, detector):
    with pytest.raises(OptionError, match=r"0\.png: in no part"):
        prepare([replace(photos[0], split="")], "x", tmp_path / "out", detector)
    for name in ("", "a/b", "../x"):
        with pytest.raises(OptionError, match="plain name"):
            prepare(photos, name, tmp_path / "out", detector)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another --output"):
        prepare(photos, "x", tmp_path / "file", detector)
    assert not (tmp_path / "out").exists()


def test_the_large_face_in_the_middle():
    def face(x, y, side):
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        return Face(box, np.zeros((5, 2), np.float32), 0.9)

    corner, middle, far = face(10, 10, 30), face(52, 48, 25), face(95, 95, 60)
    assert most_central((corner, middle, far), (100, 100)) is middle


def test_what_a_killed_run_left_is_removed(tmp_path, photos, detector):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    left = tmp_path / f".x-train.parquet.{int(dead.stdout)}-0a0b0c0d{TEMPORARY}"
    left.write_bytes(b"half a pack")
    os.utime(left, (0, 0))
    prepare(photos, "x", tmp_path, detector, size=64)
    assert not left.exists()
