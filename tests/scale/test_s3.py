"""A real S3-speaking server on loopback: every layout, a bad record, a stopped and resumed run."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pyarrow.parquet as pq
import pytest
from pyarrow import fs

pytest.importorskip("ray", reason="ray is not installed: pip install 'faceveil[scale]'")
pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")

from moto.server import ThreadedMotoServer
from werkzeug.serving import WSGIRequestHandler

from faceveil.cli.main import main
from faceveil.scale.cluster import cluster
from faceveil.scale.storage import open_store
from tests.scale import inputs

METHOD = ("--method", "pixelate", "-q")
REQUESTS: list[str] = []
GATE = threading.Event()
"""Set, the server answers all; not set, it holds back its answers to notes of parts after three."""
GATE.set()


def seen(handler, *_):
    """The server's log; called before it answers."""
    REQUESTS.append(handler.requestline)
    noted = [r for r in REQUESTS if r.startswith("PUT") and "/_faceveil/parts/" in r]
    if len(noted) > 3 and handler.requestline in noted:
        GATE.wait(60)


@pytest.fixture(scope="module", autouse=True)
def server():
    """The server's address; the environment is a user's who works with it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("AWS_")]:
            patch.delenv(name)
        patch.setattr(WSGIRequestHandler, "log_request", seen)
        running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        running.start()
        host, port = running.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield f"{host}:{port}"
        running.stop()


@pytest.fixture(scope="module", autouse=True)
def two_workers(server):
    with cluster(None, 2, 1):
        yield


@pytest.fixture(scope="module")
def s3(server):
    """Another client than ours, that may make buckets."""
    client = fs.S3FileSystem(
        endpoint_override=server, scheme="http", region="us-east-1", allow_bucket_creation=True
    )
    client.create_dir("bucket")
    return client


@pytest.fixture(scope="module")
def local(portrait, tmp_path_factory):
    """What the local engine makes of photo ``i``."""
    here = tmp_path_factory.mktemp("local")
    inputs.folder(here / "in", portrait, 8)
    assert main(["protect", str(here / "in"), "-o", str(here / "out"), *METHOD]) == 0
    return {int(p.stem[1:]): p.read_bytes() for p in (here / "out").rglob("*.png")}


def put(s3, path, data):
    with s3.open_output_stream(path) as stream:
        stream.write(data)


def get(s3, path):
    with s3.open_input_file(path) as file:
        return file.read()


def listing(s3, folder):
    """Names of files below a folder, without what FaceVeil notes."""
    selector = fs.FileSelector(folder, recursive=True)
    files = [i.path[len(folder) + 1 :] for i in s3.get_file_info(selector) if i.is_file]
    return sorted(f for f in files if not f.startswith("_faceveil/"))


def notes(s3, output, kind):
    selector = fs.FileSelector(f"{output}/_faceveil/{kind}", allow_not_found=True)
    return {i.path: get(s3, i.path) for i in s3.get_file_info(selector) if i.is_file}


def failures(s3, output):
    found = notes(s3, output, "failed").values()
    return [row for data in found for row in pq.read_table(io.BytesIO(data)).to_pylist()]


def command(source, output, *more):
    return ["protect", source, "-o", output, "--engine", "ray", "--workers", "2", *METHOD, *more]


def test_folder(s3, portrait, local):
    for i in range(8):
        data = b"no photo" if i == 5 else inputs.photo(portrait, i)
        put(s3, f"bucket/photos/{'sub/' if i % 3 == 2 else ''}p{i:03d}.png", data)
    REQUESTS.clear()
    assert main(command("s3://bucket/photos", "s3://bucket/done", "--part-size", "4")) == 1
    written = {int(n[-7:-4]): get(s3, f"bucket/done/{n}") for n in listing(s3, "bucket/done")}
    assert written == {i: data for i, data in local.items() if i != 5}
    assert [f["record"] for f in failures(s3, "bucket/done")] == ["sub/p005.png"]
    # Each photo is sent once, as one request, under its own name.
    sent = [r.split()[1] for r in REQUESTS if r.startswith("PUT") and ".png" in r]
    assert sorted(sent) == [f"/bucket/done/{n}" for n in listing(s3, "bucket/done")]
    before = notes(s3, "bucket/done", "parts")
    REQUESTS.clear()
    assert main(command("s3://bucket/photos", "s3://bucket/done", "--part-size", "4")) == 1
    assert notes(s3, "bucket/done", "parts") == before
    assert not [r for r in REQUESTS if not r.startswith(("GET", "HEAD"))]


def test_parquet(s3, server, portrait, local, tmp_path, monkeypatch):
    photos = [inputs.photo(portrait, i) for i in range(4)] + [b"no photo"]
    put(s3, "bucket/rows/train.parquet", inputs.parquet(tmp_path / "t", photos).read_bytes())
    monkeypatch.delenv("AWS_ENDPOINT_URL")  # the address can say it too
    query = f"?endpoint_override={server}&scheme=http"
    source, output = f"s3://bucket/rows/train.parquet{query}", f"s3://bucket/rows-done{query}"
    assert main(command(source, output, "--part-size", "2")) == 1
    names = [f"train-{i:05d}-of-00003.parquet" for i in range(3)]
    assert listing(s3, "bucket/rows-done") == names
    tables = [pq.read_table(io.BytesIO(get(s3, f"bucket/rows-done/{n}"))) for n in names]
    rows = [row for table in tables for row in table.to_pylist()]
    assert [r["image"]["bytes"] for r in rows] == [local[i] for i in range(4)]
    assert [r["label"] for r in rows] == [0, 1, 2, 3]
    assert [f["record"] for f in failures(s3, "bucket/rows-done")] == ["train.parquet#4"]
    job = json.loads(get(s3, "bucket/rows-done/_faceveil/job.json"))
    assert job["input"] == "s3://bucket/rows"


def test_webdataset(s3, portrait, local, tmp_path):
    photos = [inputs.photo(portrait, i) for i in range(3)]
    put(s3, "bucket/tars/a.tar", inputs.shard(tmp_path / "a", photos).read_bytes())
    bad = inputs.shard(tmp_path / "b", [photos[1], b"no photo"]).read_bytes()
    put(s3, "bucket/tars/b.tar", bad)
    REQUESTS.clear()
    assert main(command("s3://bucket/tars", "s3://bucket/tars-done")) == 1
    assert sum(r.startswith("GET /bucket/tars/a.tar") for r in REQUESTS) <= 2  # not one a member
    assert listing(s3, "bucket/tars-done") == ["a.tar", "b.tar"]
    for name, expected in (("a", [0, 1, 2]), ("b", [1])):
        (tmp_path / name).write_bytes(get(s3, f"bucket/tars-done/{name}.tar"))
        images = [d for n, d in inputs.members(tmp_path / name).items() if n.endswith("png")]
        assert images == [local[i] for i in expected]
    assert [f["record"] for f in failures(s3, "bucket/tars-done")] == ["b.tar#0001"]


MANY = 60


def test_a_run_that_was_stopped_goes_on(s3, portrait):
    """Ctrl-C midway, then the same command: every photo once, none of them sent again."""
    for i in range(MANY):
        put(s3, f"bucket/many/p{i:03d}.png", inputs.photo(portrait, i))
    argv = command("s3://bucket/many", "s3://bucket/many-done", "--part-size", "1")
    REQUESTS.clear()
    GATE.clear()  # or a quick machine would be through before the signal comes
    run = subprocess.Popen([sys.executable, "-m", "faceveil", *argv], stderr=subprocess.PIPE)
    while len(notes(s3, "bucket/many-done", "parts")) < 3 and run.poll() is None:
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    GATE.set()
    _, error = run.communicate(timeout=60)
    assert run.returncode == 130, error
    first = notes(s3, "bucket/many-done", "parts")
    assert 3 <= len(first) < MANY
    assert main(argv) == 0
    second = notes(s3, "bucket/many-done", "parts")
    assert first.items() <= second.items()
    done = [json.loads(row) for row in second.values()]
    assert sorted(r["first"] for r in done) == listing(s3, "bucket/many-done")
    assert len(done) == sum(r["counts"]["protected"] for r in done) == MANY
    sent = [r.split()[1][-8:-4] for r in REQUESTS if r.startswith("PUT") and ".png" in r]
    again = {r["first"][-8:-4] for r in done if r["begun"] > 1}  # begun, and then stopped
    assert {photo for photo in sent if sent.count(photo) > 1} <= again
    assert len(again) <= 2


def test_a_file_appears_whole_or_not_at_all(s3):
    store = open_store("s3://bucket/half")
    with pytest.raises(ZeroDivisionError):
        _write_half(store)
    assert store.files() == []
    with store.publish("a.bin") as file:
        file.write(b"1" * 20_000_000)  # more than one request holds
    assert store.files() == [("a.bin", 20_000_000)]
    assert get(s3, "bucket/half/a.bin") == b"1" * 20_000_000


def _write_half(store):
    with store.publish("a.bin") as file:
        file.write(b"half")
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("s3://bucket/none", "s3://bucket/none: nothing there"),
        ("s3://no-such-bucket/none", "nothing there"),
        ("s3://id:very-secret@bucket/photos", "the address holds a password"),
    ],
)
def test_bad_addresses_are_one_line(s3, capsys, source, message):
    assert main(command(source, "s3://bucket/never")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert "very-secret" not in line
    assert s3.get_file_info("bucket/never").type == fs.FileType.NotFound
