"""The race classifier, and how its labels resample a training set."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pa = pytest.importorskip("pyarrow", reason="needs the train extra")
import pyarrow.parquet as pq  # noqa: E402

from faceveil.errors import OptionError  # noqa: E402
from faceveil.training import race  # noqa: E402
from faceveil.training.classifiers import GenderConfig, RaceConfig  # noqa: E402
from faceveil.training.gender import RACES, training_rows  # noqa: E402
from faceveil.training.race import train  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Races told apart by brightness; a second pack without race labels."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    images, races = [], []
    for i in range(100):
        race = i % 5
        face = np.clip(rng.normal(30 + 48 * race, 4, (32, 32, 3)), 0, 255).astype(np.uint8)
        images.append(cv2.imencode(".png", cv2.resize(face, (112, 112)))[1].tobytes())
        races.append(RACES[race])
    columns = {"image": images, "gender": ["m", "f"] * 50}
    pq.write_table(pa.table(columns | {"race": races}), folder / "races.parquet")
    pq.write_table(pa.table(columns), folder / "plain.parquet")
    return folder


def faces(count):
    """A pack of so many faces of no size."""
    from faceveil.data.packs import Pack

    nothing = np.empty(0, np.int64)
    return Pack(np.empty((count, 0, 0), np.uint8), np.zeros(count, np.float32), nothing)


def config(**changes):
    values = {
        "data": ("races.parquet",), "label": ("plain.parquet",), "held_out": 20, "batch": 20,
        "widths": (32, 32, 32, 32), "steps": 80, "tone": 0.0, "dropout": 0.0,
    }  # fmt: skip
    return RaceConfig("race", **(values | changes))


def test_learns_and_labels(tmp_path, data):
    measured = train(config(), data, data, tmp_path)
    assert measured["accuracy"] > 0.5
    assert measured["auc_Black"] > 0.8
    with np.load(tmp_path / "labels.npz") as file:
        p = file["plain.parquet"]
    assert p.shape == (100, 5)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-3)
    assert sum(measured[f"share_{r}"] for r in RACES) == pytest.approx(1)


def test_a_pack_without_race_is_refused(tmp_path, data):
    with pytest.raises(OptionError, match="no column 'race'"):
        train(config(data=("plain.parquet",)), data, data, tmp_path)


def labelled(folder, share=0.1):
    race = np.zeros((200, 5), np.float32)
    race[:, 0] = 1
    race[: int(200 * share), 0], race[: int(200 * share), 1] = 0, 1
    (folder / "race").mkdir()
    np.savez(folder / "race" / "labels.npz", **{"a.parquet": race[:120], "b.parquet": race[120:]})


def gender(**changes):
    return GenderConfig("g", data=("a.parquet", "b.parquet"), resample="race", **changes)


def test_rows_of_a_resampled_set(tmp_path):
    labelled(tmp_path)
    counts = [
        np.bincount(training_rows(gender(part=p), tmp_path, faces(200)), minlength=200)
        for p in range(5)
    ]
    assert all((c == 40).sum() == 4 for c in counts)
    assert np.array_equal(np.flatnonzero(np.stack(counts).max(axis=0) == 40), np.arange(20))


def test_without_resampling_every_row_comes_once(tmp_path):
    plain = GenderConfig("g", data=("a.parquet",))
    assert np.array_equal(training_rows(plain, tmp_path, faces(7)), np.arange(7))


@pytest.mark.parametrize(
    ("count", "changes", "message"),
    [
        (199, {}, "200 labels for 199"),
        (200, {"underrepresented": "Martian"}, "expected one of"),
        (200, {"parts": 50}, "at least one each"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, count, changes, message):
    labelled(tmp_path)
    with pytest.raises(OptionError, match=message):
        training_rows(gender(**changes), tmp_path, faces(count))


def test_labels_that_are_not_there(tmp_path):
    with pytest.raises(OptionError, match="run the recipe 'race' first"):
        training_rows(gender(), tmp_path, faces(200))


def test_other_sets_races_are_known_and_the_unsaid_left_out(tmp_path, monkeypatch):
    """MORPH's Hispanic does not break the recipe, and a face of no said race is not trained on."""
    names = ["White", "Black", "Asian", "Indian", "Hispanic", ""] * 6
    blob = cv2.imencode(".png", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    table = pa.table({"image": [blob] * 36, "gender": ["m", "f"] * 18, "race": names})
    pq.write_table(table, tmp_path / "morph.parquet")
    seen = []
    monkeypatch.setattr(race.loop, "run", lambda step, *_, **__: seen.append(step))
    config = RaceConfig("r", data=("morph.parquet",), held_out=15, widths=(32, 32, 32, 32))
    (tmp_path / "run").mkdir()
    measured = race.train(config, tmp_path, tmp_path, tmp_path / "run")
    assert seen
    assert 0 <= measured["accuracy"] <= 1
    config = RaceConfig("r", data=("morph.parquet",), held_out=28, widths=(32, 32, 32, 32))
    with pytest.raises(OptionError, match="no face of race"):
        race.train(config, tmp_path, tmp_path, tmp_path / "run")
