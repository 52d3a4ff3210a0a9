"""A real Ray of two workers: every layout, a bad record, a killed worker, a resumed run."""

import json
import os
import signal
import threading
import time

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="ray is not installed: pip install 'faceveil[scale]'")

from faceveil.cli.main import main
from faceveil.errors import OptionError
from faceveil.files.batch import BatchOptions
from faceveil.protect.photo import PhotoOptions
from faceveil.scale.cluster import cluster
from faceveil.scale.engine import Worker
from faceveil.scale.work import Task
from tests.scale import inputs

METHOD = ("--method", "pixelate", "-q")


@pytest.fixture(scope="module", autouse=True)
def two_workers():
    with cluster(None, 2, 1):
        yield


@pytest.fixture(scope="module")
def local(portrait, tmp_path_factory):
    """What the local engine makes of photo ``i``."""
    here = tmp_path_factory.mktemp("local")
    inputs.folder(here / "in", portrait, 24)
    assert main(["protect", str(here / "in"), "-o", str(here / "out"), *METHOD]) == 0
    found = {int(p.stem[1:]): p.read_bytes() for p in (here / "out").rglob("*.png")}
    assert len(found) == 24
    return found


def ray(source, output, *more):
    argv = ["protect", source, "-o", output, "--engine", "ray", "--workers", "2", *METHOD, *more]
    return main([str(a) for a in argv])


def rows(output):
    return [json.loads(p.read_text()) for p in (output / "_faceveil/parts").glob("*.json")]


def failures(output):
    return ds.dataset(output / "_faceveil/failed").to_table().to_pylist()


def test_a_worker_is_killed_and_nothing_is_lost_or_done_twice(portrait, local, tmp_path, capfd):
    source = inputs.folder(tmp_path / "in", portrait, 24, bad=(5,))
    output, killed = tmp_path / "out", []

    def kill():
        while len(rows(output) if output.is_dir() else []) < 3:
            time.sleep(0.02)
        killed.append(rows(output)[0]["process"])
        os.kill(killed[0], signal.SIGKILL)
        killed.append(len(rows(output)))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert ray(source, output, "--part-size", 1) == 1
    killer.join(10)
    assert killed[1] < 24, "all was done before the worker died"
    found = rows(output)
    assert len({r["process"] for r in found} - {killed[0]}) >= 1
    # Each photo once: 24 parts, 24 records, 23 files, each as without Ray and without a murder.
    assert sorted(r["first"] for r in found) == sorted(
        str(p.relative_to(source)) for p in source.rglob("*.png")
    )
    assert [sum(r["counts"][k] for r in found) for k in ("protected", "failed")] == [23, 1]
    written = {int(p.stem[1:]): p.read_bytes() for p in output.rglob("*.png")}
    assert written == {i: data for i, data in local.items() if i != 5}
    (bad,) = failures(output)
    assert bad == {
        "record": "sub/p005.png",
        "stage": "protect",
        "error": "not an image; expected a JPEG, PNG, WebP, BMP, TIFF, HEIC or AVIF photo",
    }
    assert "1 failed; which and why" in capfd.readouterr().err


def test_parquet_goes_on_where_it_was(portrait, local, tmp_path, capsys):
    photos = [inputs.photo(portrait, i) for i in range(5)] + [b"no photo"]
    source = inputs.parquet(tmp_path / "in/train.parquet", photos).parent
    output = tmp_path / "out"
    more = ("--part-size", 2, "--face-columns")
    assert ray(source, output, *more) == 1
    names = [f"train-{i:05d}-of-00003.parquet" for i in range(3)]
    assert sorted(p.name for p in output.glob("*.parquet")) == names
    done = [row for name in names for row in pq.read_table(output / name).to_pylist()]
    assert [r["image"]["bytes"] for r in done] == [local[i] for i in range(5)]
    assert [r["image"]["path"] for r in done] == [f"{i}.png" for i in range(5)]
    assert [r["label"] for r in done] == [0, 1, 2, 3, 4]
    assert all(r["faceveil_status"] == "protected" for r in done)
    assert {r["faceveil_faces"][0]["target"] for r in done} == {"neutral"}
    assert [f["record"] for f in failures(output)] == ["train.parquet#5"]

    # One part's row is gone, as after a kill: that part is done again, the others are not.
    before = {p.name: p.stat().st_mtime_ns for p in output.glob("*.parquet")}
    first = {r["id"]: r for r in rows(output)}
    content = (output / names[1]).read_bytes()
    lost = next(i for i, r in first.items() if r["counts"]["failed"] == 0)
    (output / f"_faceveil/parts/{lost}.json").unlink()
    assert ray(source, output, *more) == 1
    now = {p.name: p.stat().st_mtime_ns for p in output.glob("*.parquet")}
    assert sum(now[n] != before[n] for n in names) == 1
    assert (output / names[1]).read_bytes() == content
    assert {r["id"]: r["counts"] for r in rows(output)} == {
        i: r["counts"] for i, r in first.items()
    }
    assert main(["protect", str(source), "-o", str(output), "--engine", "ray", "-q"]) == 2
    assert "holds a job with" in capsys.readouterr().err


def test_webdataset(portrait, local, tmp_path):
    photos = [inputs.photo(portrait, i) for i in range(3)]
    inputs.shard(tmp_path / "in/a.tar", photos)
    inputs.shard(tmp_path / "in/b.tar", [photos[1], b"no photo", photos[2]])
    output = tmp_path / "out"
    assert ray(tmp_path / "in", output) == 1
    a, b = inputs.members(output / "a.tar"), inputs.members(output / "b.tar")
    assert [a[f"{i:04d}.png"] for i in range(3)] == [local[i] for i in range(3)]
    assert a["0002.json"] == b'{"n": 2}'
    assert list(b) == ["0000.png", "0000.json", "0002.png", "0002.json"]
    assert [b["0000.png"], b["0002.png"]] == [local[1], local[2]]
    assert [f["record"] for f in failures(output)] == ["b.tar#0001"]


def test_more_cores_to_a_worker_than_a_node_has():
    with cluster(None, 1, 1) as room:
        assert room == 2
    with pytest.raises(OptionError, match="got 3 cores for a worker; no node has more than 2"):
        cluster(None, 1, 3).__enter__()


def test_a_machine_with_another_version_is_refused(tmp_path):
    task = Task(str(tmp_path), str(tmp_path), BatchOptions(PhotoOptions()), {}, version="0.0.0")
    with pytest.raises(OptionError, match=r"expected 0\.0\.0, as where the job began"):
        Worker(task, 1)


def test_workers_may_not_choose_for_themselves(tmp_path, capsys):
    assert ray(tmp_path, tmp_path / "out", "--precision", "auto") == 2
    assert "--precision auto: not with --engine ray; state" in capsys.readouterr().err
