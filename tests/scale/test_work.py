"""Parts without Ray: what is planned, written, given up and refused."""

import json

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceveil.cli.main import main
from faceveil.errors import FaceVeilError, OptionError
from faceveil.files.batch import BatchOptions, protect_files
from faceveil.files.jobs import plan_jobs
from faceveil.imaging.search import Sight
from faceveil.protect.photo import PhotoOptions
from faceveil.scale import parquet
from faceveil.scale.columns import image_column
from faceveil.scale.manifest import Manifest
from faceveil.scale.parts import Part, failed
from faceveil.scale.plan import open_pair, plan
from faceveil.scale.storage import Store
from faceveil.scale.work import Bench, Task
from tests.files.test_batch import FakeProtector
from tests.protect.fakes import FixedDetector
from tests.scale import inputs


def bench(source, output, protector=None, faces=False, size=256, **options):
    """The parts of a job and who does them."""
    found, target, name = open_pair(str(source), str(output))
    batch = BatchOptions(PhotoOptions(), **options)
    task = Task(found.location, target.location, batch, {}, None, faces)
    parts = plan(found, target, name, size, None)
    return parts, Bench(task, found, target, protector or FakeProtector())


def failures(output):
    files = sorted((output / "_faceveil/failed").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.fixture
def photos(portrait):
    return [inputs.photo(portrait, i) for i in range(4)]


def test_same_bytes_as_the_local_engine(portrait, tmp_path):
    source = inputs.folder(tmp_path / "in", portrait, 7, bad=(2,))
    (source / "clip.mp4").write_bytes(b"x")
    parts, worker = bench(source, tmp_path / "out", size=3)
    assert [len(p.names) for p in parts] == [3, 3, 2]
    rows = [worker.do(part) for part in parts]
    jobs = plan_jobs([str(source)], tmp_path / "local")
    jobs = [j for j in jobs if j.source.suffix == ".png"]
    done = protect_files(jobs, FakeProtector(), BatchOptions(PhotoOptions()))
    local = {r.target.relative_to(tmp_path / "local"): r for r in done}
    for name, result in local.items():
        file = tmp_path / "out" / name
        assert file.is_file() == (result.status == "protected")
        assert not file.is_file() or file.read_bytes() == result.target.read_bytes()
    assert sum(r["counts"]["protected"] for r in rows) == 6
    assert {f["record"]: f["stage"] for f in failures(tmp_path / "out")} == {
        "clip.mp4": "plan",
        "sub/p002.png": "protect",
    }
    assert not list((tmp_path / "out").rglob("*.faceveil-tmp"))


def test_places_that_may_be_faces_are_counted(portrait, tmp_path):
    class Unsure(FixedDetector):
        def search(self, rgb):
            return Sight(self.faces, self.faces * 2)

    source = inputs.folder(tmp_path / "in", portrait, 3)
    (part,), worker = bench(source, tmp_path / "out", FakeProtector(Unsure()))
    row = worker.do(part)
    assert (row["faces"], row["left"], row["doubtful"]) == (3, 0, 6)


def test_part_ids_depend_on_the_input_only(portrait, tmp_path):
    source = inputs.folder(tmp_path / "in", portrait, 6)
    (first, _), (again, _) = (bench(source, tmp_path / o, size=4) for o in ("a", "b"))
    assert [p.id for p in first] == [p.id for p in again]
    assert Part.from_json(first[0].to_json()) == first[0]
    (source / "p000.png").write_bytes(b"another size")
    changed, _ = bench(source, tmp_path / "a", size=4)
    assert [a.id == b.id for a, b in zip(first, changed, strict=True)] == [False, True]


def test_a_part_that_is_done_is_not_done_again(portrait, tmp_path):
    source = inputs.folder(tmp_path / "in", portrait, 3)
    (part,), worker = bench(source, tmp_path / "out")
    row = worker.do(part)
    (tmp_path / "out/p000.png").unlink()
    assert worker.do(part) == row
    assert not (tmp_path / "out/p000.png").exists()


def test_a_part_that_was_stopped_is_told_from_what_was_there(portrait, tmp_path):
    """Before it: one output of the user's own. In the middle of it: the worker dies."""
    source = inputs.folder(tmp_path / "in", portrait, 4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/p001.png").write_bytes(b"mine")
    (part,), worker = bench(source, tmp_path / "out", Mortal(dies_at=2))
    with pytest.raises(SystemExit):
        worker.do(part)
    assert (tmp_path / "out/p000.png").is_file()
    row = bench(source, tmp_path / "out")[1].do(part)
    assert row["counts"] == {"protected": 3, "no_face": 0, "skipped": 1, "failed": 0}
    assert row["begun"] == 2
    assert (tmp_path / "out/p001.png").read_bytes() == b"mine"


class Mortal(FakeProtector):
    """Takes its process along at the photo of that number."""

    def __init__(self, dies_at):
        super().__init__()
        self.left = dies_at

    def protect_loaded(self, photo, options, given=None):
        self.left -= 1
        if self.left < 0:
            raise SystemExit
        return super().protect_loaded(photo, options, given)


def test_a_photo_that_workers_die_on_is_given_up(portrait, tmp_path):
    source = inputs.folder(tmp_path / "in", portrait, 3)
    (part,), _ = bench(source, tmp_path / "out")
    for _ in range(3):  # the first death says nothing, two more name the photo
        with pytest.raises(SystemExit):
            bench(source, tmp_path / "out", Mortal(dies_at=1))[1].do(part)
    row = bench(source, tmp_path / "out")[1].do(part)
    assert row["counts"] == {"protected": 2, "no_face": 0, "skipped": 0, "failed": 1}
    (bad,) = failures(tmp_path / "out")
    assert (bad["record"], bad["stage"]) == ("p001.png", "crash")


def test_a_shard_that_is_cut_off_keeps_what_was_whole(photos, tmp_path):
    shard = inputs.shard(tmp_path / "in/a.tar", photos)
    whole = shard.read_bytes()
    for length in (len(whole) // 2, len(whole) // 512 * 512 - 20 * 512):
        shard.write_bytes(whole[:length])
        out = tmp_path / f"out{length}"
        (part,), worker = bench(shard, out)
        row = worker.do(part)
        assert row["counts"]["failed"] == 1
        assert 1 <= row["counts"]["protected"] <= 4
        assert len(inputs.members(out / "a.tar")) == 2 * row["counts"]["protected"]
        (bad,) = failures(out)
        assert (bad["record"], bad["stage"]) == ("a.tar", "read")
        assert "the rest cannot be read" in bad["error"]


def test_what_may_show_a_face_is_not_copied(photos, tmp_path):
    extra = (("0009.png", photos[0]), ("0009.npy", b"\x93NUMPY"))
    shard = inputs.shard(tmp_path / "in/a.tar", photos[:1], extra)
    (part,), worker = bench(shard, tmp_path / "out")
    worker.do(part)
    assert sorted(inputs.members(tmp_path / "out/a.tar")) == ["0000.json", "0000.png"]
    (bad,) = failures(tmp_path / "out")
    assert "0009.npy: neither a photo nor text" in bad["error"]


@pytest.mark.parametrize("struct", [True, False])
def test_rows_without_a_face_are_left_out(photos, tmp_path, struct):
    source = inputs.parquet(tmp_path / "in/x.parquet", [*photos, None], 2, struct)
    protector = FakeProtector(NobodyInTheThird())
    (part,), worker = bench(source, tmp_path / "out", protector)
    row = worker.do(part)
    assert row["counts"] == {"protected": 3, "no_face": 1, "skipped": 0, "failed": 1}
    done = pq.read_table(tmp_path / "out/x.parquet")
    assert done.schema.equals(pq.read_table(source).schema)
    assert done["label"].to_pylist() == [0, 1, 3]
    (bad,) = failures(tmp_path / "out")
    assert bad["record"] == "x.parquet#4"
    assert "no bytes in this row" in bad["error"]


def test_a_large_row_group_is_not_held_in_memory(tmp_path):
    """40 MB in one row group: pyarrow alone would hold all of it, and the pages besides."""
    schema = pa.schema([("image", pa.binary())])
    row = np.random.default_rng(0).bytes(100_000)
    with pq.ParquetWriter(tmp_path / "x.parquet", schema, write_batch_size=8) as writer:
        rows = [row[:-4] + i.to_bytes(4, "big") for i in range(400)]
        writer.write_table(pa.table({"image": rows}, schema), row_group_size=400)
    del rows
    assert pq.ParquetFile(tmp_path / "x.parquet").num_row_groups == 1
    found, target, name = open_pair(str(tmp_path / "x.parquet"), str(tmp_path / "out"))
    (part,) = plan(found, target, name, 256, None)
    before, held, seen = pa.total_allocated_bytes(), [], []

    def protect(record, read):
        held.append(pa.total_allocated_bytes() - before)
        seen.append(read()[-4:])
        return failed(record, "looked at", "protect")

    assert len(list(parquet.run(part, found, target, protect, None, False))) == 400
    assert seen == [i.to_bytes(4, "big") for i in range(400)]
    assert max(held) < 24_000_000


class NobodyInTheThird:
    def __init__(self):
        self.inner, self.count = FakeProtector().detector, 0

    def detect(self, rgb):
        self.count += 1
        return () if self.count == 3 else self.inner.detect(rgb)


def test_image_columns():
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    only = pa.schema([("photo", image), ("hash", pa.binary(32))])
    assert image_column(only, None, "x") == "photo"
    two = pa.schema([("image", pa.binary()), ("b", pa.binary())])
    assert image_column(two, None, "x", ("b",)) == "image"
    for schema, column in (
        (pa.schema([("a", pa.binary()), ("b", pa.binary())]), None),
        (pa.schema([("label", pa.int64())]), None),
        (only, "label"),
    ):
        with pytest.raises(OptionError, match="state --image-column"):
            image_column(schema, column, "x")
    with pytest.raises(OptionError, match="may hold images too"):
        image_column(pa.schema([("image", image), ("mask", image)]), None, "x")


def test_an_object_store(portrait, photos):
    """No rename, no folders: fsspec's file system in memory, as for S3."""
    fs = fsspec.filesystem("memory")
    fs.pipe({f"/in/{i}.png": data for i, data in enumerate(photos)})
    fs.pipe("/in/notes.txt", b"x")
    parts, worker = bench("memory://in", "memory://out", faces=True, size=3)
    rows = [worker.do(part) for part in parts]
    assert [r["counts"]["protected"] for r in rows] == [3, 1]
    assert sorted(fs.glob("/out/*.png")) == [f"/out/{i}.png" for i in range(4)]
    assert set(Manifest(worker.output).done()) == {p.id for p in parts}
    assert not fs.glob("/out/_faceveil/tmp/*")
    with fs.open(f"/out/_faceveil/faces/{parts[0].id}.parquet") as file:
        table = pq.read_table(file)
    assert table["record"].to_pylist() == ["0.png", "1.png", "2.png"]
    assert table["faceveil_faces"].to_pylist()[0][0]["gender"] == "male"


def test_a_file_that_is_half_written_has_no_name(tmp_path):
    fsspec.filesystem("memory").pipe("/half/in.png", b"x")
    for place in (str(tmp_path), "memory://half"):
        _, target, _ = open_pair("memory://half", f"{place}/out")
        with pytest.raises(ZeroDivisionError):
            _write_half(target)
        assert target.files() == []


def _write_half(target):
    with target.publish("a.bin") as file:
        file.write(b"half")
        raise ZeroDivisionError


def test_a_store_that_does_not_answer_is_one_line():
    class Silent:
        def get_file_info(self, _):
            raise OSError("AWS Error NETWORK_CONNECTION:\nCould not connect")

    store = Store(Silent(), "bucket/in", "s3://bucket/in?region=x", False)
    for ask in (store.kind, store.files, lambda: store.existing(["a"]), lambda: store.size("a")):
        with pytest.raises(FaceVeilError, match="s3://bucket/in: cannot be looked at") as raised:
            ask()
        assert "NETWORK_CONNECTION: Could not connect" in str(raised.value)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("none", "-o", "out"), "nothing there"),
        (("in", "-o", "in"), "own folder"),
        (("in", "in", "-o", "out"), "got 2 inputs"),
        (("in", "--in-place"), "not with --engine ray"),
        (("in", "-o", "out", "--part-size", "0"), "expected 1 or more"),
        (("in", "-o", "out", "--method", "nonsense"), "nonsense"),
        (("in/p000.png", "-o", "out"), "expected a folder"),
        (("empty", "-o", "out"), "no photos there"),
        (("nowhere://x", "-o", "out"), "nowhere"),
    ],
)
def test_bad_calls_are_one_line(portrait, tmp_path, monkeypatch, capsys, argv, message):
    monkeypatch.chdir(tmp_path)
    inputs.folder(tmp_path / "in", portrait, 1)
    (tmp_path / "empty").mkdir()
    assert main(["protect", "--engine", "ray", *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_other_settings_are_refused(tmp_path):
    _, target, _ = open_pair(str(tmp_path), str(tmp_path / "out"))
    manifest = Manifest(target)
    manifest.open_job({"strength": 0.8, "method": "san"})
    manifest.open_job({"strength": 0.8, "method": "san"})
    with pytest.raises(OptionError, match=r"strength 0\.8, this one has 1\.0"):
        manifest.open_job({"strength": 1.0, "method": "san"})
    manifest.clear()
    manifest.open_job({"strength": 1.0, "method": "san"})
    assert json.loads((tmp_path / "out/_faceveil/job.json").read_text())["strength"] == 1.0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"id": "x"}', '{"id": 5, "counts": {}}', "[" * 2000, "whole"],
)
def test_a_torn_row_is_said_and_its_part_done_again(photos, tmp_path, caplog, text):
    for i, data in enumerate(photos):
        path = tmp_path / "in" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    parts, worker = bench(str(tmp_path / "in"), str(tmp_path / "out"), size=2)
    rows = [worker.do(part) for part in parts]
    row = tmp_path / "out" / "_faceveil" / "parts" / f"{parts[0].id}.json"
    if text != "whole":
        row.write_text(text)
    done = worker.manifest.done()
    torn = text != "whole"
    assert (parts[0].id not in done) == torn
    assert parts[1].id in done
    assert ("torn or no row; its part is done again" in caplog.text) == torn
    assert worker.do(parts[0])["id"] == rows[0]["id"]
    assert json.loads(row.read_text())["counts"] == rows[0]["counts"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"there": 1, "times": "x", "suspects": []}'])
def test_a_torn_beginning_takes_nothing_for_its_own(photos, tmp_path, text):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.png").write_bytes(photos[0])
    parts, worker = bench(str(tmp_path / "in"), str(tmp_path / "out"))
    worker.manifest.begin(parts[0])
    (tmp_path / "out" / "0.png").write_bytes(b"somebody's")
    (begun,) = (tmp_path / "out" / "_faceveil" / "begun").iterdir()
    begun.write_text(text)
    assert worker.manifest.begin(parts[0]).there == {"0.png"}


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_torn_job_is_one_clear_line(tmp_path, text):
    _, target, _ = open_pair(str(tmp_path), str(tmp_path / "out"))
    Manifest(target).open_job({"strength": 0.8})
    (tmp_path / "out/_faceveil/job.json").write_text(text)
    with pytest.raises(OptionError, match=r"job\.json is torn or no JSON object; choose another"):
        Manifest(target).open_job({"strength": 0.8})
