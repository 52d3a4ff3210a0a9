"""``faceveil train``: what a user types, and what is said when it cannot be done."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from faceveil.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path):
    """A folder with a tiny pack and a recipe."""
    pytest.importorskip("torch", reason="needs the train extra")
    pa = pytest.importorskip("pyarrow", reason="needs the train extra")
    import cv2
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    faces = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(16)]
    images = [cv2.imencode(".png", f)[1].tobytes() for f in faces]
    pq.write_table(pa.table({"image": images, "gender": ["m", "f"] * 8}), tmp_path / "p.parquet")
    write_recipe(tmp_path)
    return tmp_path


def write_recipe(folder, steps=6, name="g"):
    (folder / "g.toml").write_text(
        f'kind = "gender"\nname = "{name}"\ndata = ["p.parquet"]\nvalidation = "p.parquet"\n'
        f"frame = 64\nwidths = [8, 8]\nbatch = 4\nsteps = {steps}\n"
    )


def train(place, *more):
    command = ["train", place / "g.toml", "--data", place, "-o", place / "runs", *more]
    return main([str(x) for x in command])


def test_a_run_leaves_all_that_is_needed_to_repeat_it(place, capsys):
    assert train(place) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"auc", "accuracy"}
    run = place / "runs" / "g"
    from faceveil.training.config import load_config

    assert load_config(run / "recipe.toml") == load_config(place / "g.toml")
    record = json.loads((run / "run.json").read_text())
    assert set(record) == {"faceveil", "torch", "numpy", "python", "processes", "data"}
    assert len(record["data"]["p.parquet"]) == 64
    header, *rows = (run / "log.csv").read_text().splitlines()
    assert header == "step,seconds,loss"
    assert rows[-1].startswith("6,")
    assert (run / "checkpoint.safetensors").is_file()


def test_an_existing_run_is_not_overwritten(place, capsys):
    train(place)
    before = (place / "runs/g/checkpoint.safetensors").read_bytes()
    capsys.readouterr()
    assert train(place) == 2
    assert "--resume" in capsys.readouterr().err
    assert train(place, "--resume") == 0
    assert (place / "runs/g/checkpoint.safetensors").read_bytes() == before
    write_recipe(place, steps=7)
    assert train(place, "--resume") == 2
    assert "steps = 6, the recipe says 7" in capsys.readouterr().err


def test_stopped_by_a_signal_and_resumed(place):
    """Killed politely in the middle: exit code 130, then the weights of an undisturbed run."""
    write_recipe(place, steps=300)
    assert train(place) == 0
    command = [sys.executable, "-m", "faceveil", "train", place / "g.toml", "--data", place]
    command += ["-o", place / "again"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(list(map(str, command)), env=env, stderr=subprocess.PIPE, text=True)
    run = place / "again" / "g"
    deadline = time.monotonic() + 240
    while not (run / "log.csv").is_file() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the machine was too quick to be interrupted")
    assert process.returncode == 130
    assert "add --resume" in said
    assert main([*map(str, command[3:]), "--resume"]) == 0
    straight = (place / "runs/g/checkpoint.safetensors").read_bytes()
    assert (run / "checkpoint.safetensors").read_bytes() == straight


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: (p / "p.parquet").unlink(), "faceveil data prepare"),
        (lambda p: (p / "g.toml").write_text("kind = 'gender'\nnme = 'x'"), "unknown key 'nme'"),
        (lambda p: (p / "g.toml").unlink(), "no such file"),
        (lambda p: (p / "p.parquet").write_bytes(b"damaged"), "p.parquet"),
    ],
)
def test_bad_input(place, capsys, change, message):
    change(place)
    assert train(place) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_without_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [n for n in sys.modules if n.startswith("faceveil.training")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["train", str(tmp_path / "x.toml"), "--data", str(tmp_path)]) == 2
    assert 'pip install "faceveil[train]"' in capsys.readouterr().err


def test_a_run_that_is_not_finished_is_not_published(place, capsys):
    where = ["--data", place, "--runs", place / "runs", "--weights", place / "weights"]
    assert main([str(x) for x in ("publish", place / "g.toml", *where)]) == 2
    said = capsys.readouterr().err
    assert f"no finished run; run 'faceveil train {place / 'g.toml'}' first" in said
    assert said.count("\n") == 1
    assert not (place / "weights").exists()


@pytest.fixture
def family(place):
    """A second recipe that needs the first, and a matcher."""
    from tests.training.networks.test_onnx_graph import small_graph

    small_graph(place / "m.onnx", side=112)
    (place / "s.toml").write_text(
        'kind = "san"\nname = "s"\nmatcher = "m.onnx"\nclassifiers = ["g"]\nframe = 64\n'
        'data = ["absent.parquet"]\npretrain_steps = 1\nsteps = 2\nbatch = 4\n'
    )
    return place


def train_san(place, *more):
    command = ["train", place / "s.toml", "--data", place, "-o", place / "runs"]
    return main([str(x) for x in (*command, "--models", place, *more)])


def test_what_a_recipe_needs_is_named_and_nothing_is_left(family, capsys):
    assert train_san(family, "--set", "data.train=p.parquet") == 2
    said = capsys.readouterr().err
    assert f"train {family / 'g.toml'} first, or add --with-needs" in said
    assert said.count("\n") == 1
    assert not (family / "runs").exists()


def test_with_needs_runs_them_first(family, capsys):
    """The data of the command line hold for all, other values for the recipe itself."""
    write_recipe(family, steps=4)
    (family / "g.toml").write_text((family / "g.toml").read_text().replace("p.parquet", "none"))
    changes = ["--set", "data.train=p.parquet", "--set", "data.validation=p.parquet"]
    assert train_san(family, "--with-needs", *changes, "--set", "steps=3") == 0
    runs = family / "runs"
    assert (runs / "g" / "log.csv").read_text().splitlines()[-1].startswith("4,")
    assert (runs / "s" / "log.csv").read_text().splitlines()[-1].startswith("3,")
    before = (runs / "g" / "checkpoint.safetensors").stat().st_mtime_ns
    assert train_san(family, "--with-needs", "--resume", *changes, "--set", "steps=3") == 0
    assert (runs / "g" / "checkpoint.safetensors").stat().st_mtime_ns == before


def test_a_run_that_came_to_nothing_leaves_no_folder(family, capsys):
    assert train(family) == 0
    (family / "m.onnx").unlink()
    assert train_san(family, "--set", "data.train=p.parquet") == 1
    assert "expected an ONNX matcher" in capsys.readouterr().err
    assert [p.name for p in (family / "runs").iterdir() if not p.name.startswith(".")] == ["g"]


def test_needs_in_a_circle(family, capsys):
    text = (family / "s.toml").read_text().replace('"g"', '"s"')
    (family / "s.toml").write_text(text)
    assert train_san(family, "--with-needs") == 2
    assert "needs itself" in capsys.readouterr().err
