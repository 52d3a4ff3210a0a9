"""Pictures that would travel along beside the protected one, and archives that mean harm."""

import base64
import io
import json
import resource
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceveil.errors import OptionError
from faceveil.files.batch import BatchOptions
from faceveil.protect.photo import PhotoOptions
from faceveil.scale.pictures import text_may_hold, type_may_hold, value_may_hold
from faceveil.scale.plan import open_pair, plan
from faceveil.scale.work import Bench, Task
from tests.files.test_batch import FakeProtector
from tests.scale import inputs
from tests.scale.test_work import failures


def job(source, output, copied=()):
    found, target, name = open_pair(str(source), str(output))
    task = Task(found.location, target.location, BatchOptions(PhotoOptions()), {}, copied=copied)
    bench = Bench(task, found, target, FakeProtector())
    return [bench.do(part) for part in plan(found, target, name, 256, None, copied)]


@pytest.fixture
def photos(portrait):
    return [inputs.photo(portrait, i, ".jpg") for i in range(3)]


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(),
        pa.large_binary(),
        pa.binary(100),
        pa.list_(pa.binary()),
        pa.struct([("a", pa.struct([("b", pa.list_(pa.large_binary()))]))]),
        pa.map_(pa.string(), pa.binary()),
        pa.dictionary(pa.int32(), pa.binary()),
        pa.list_(pa.uint8(), 64 * 64),
        pa.list_(IMAGE),
    ],
    ids=str,
)
def test_a_column_that_may_hold_pictures_is_refused(photos, tmp_path, kind):
    table = pa.table(
        {
            "image": pa.array([{"bytes": photos[0], "path": "0.jpg"}], IMAGE),
            "other": pa.nulls(1, kind)
            if not pa.types.is_dictionary(kind)
            else pa.array([b"x"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(OptionError, match="--copy-column other"):
        job(tmp_path / "x.parquet", tmp_path / "out")
    (row,) = job(tmp_path / "x.parquet", tmp_path / "out", ("other",))
    assert row["counts"]["protected"] == 1


def test_a_thumbnail_within_the_image_is_refused(photos, tmp_path):
    kind = pa.struct([("bytes", pa.binary()), ("thumbnail", pa.binary())])
    image = pa.array([{"bytes": photos[0], "thumbnail": photos[1]}], kind)
    pq.write_table(pa.table({"image": image}), tmp_path / "x.parquet")
    with pytest.raises(OptionError, match=r"--copy-column image\.thumbnail"):
        job(tmp_path / "x.parquet", tmp_path / "out")


def test_types_that_hold_none():
    for kind in (pa.int64(), pa.string(), pa.list_(pa.float32()), pa.binary(32), pa.timestamp("s")):
        assert not type_may_hold(kind)


def test_text_in_a_row_is_looked_at(photos, tmp_path):
    """Base64 in a caption, pixels in a list: that row is left out, the others go on."""
    text = base64.b64encode(photos[0]).decode()
    table = pa.table(
        {
            "image": pa.array([{"bytes": p, "path": "x"} for p in photos], IMAGE),
            "caption": ["a person", f"data:image/jpeg;base64,{text}", "another"],
            "pixels": pa.array([[1, 2], [], list(range(2000))], pa.list_(pa.int16())),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    (row,) = job(tmp_path / "x.parquet", tmp_path / "out")
    assert (row["counts"]["protected"], row["counts"]["failed"]) == (1, 2)
    assert [f["error"].split(";")[0] for f in failures(tmp_path / "out")] == [
        "column caption may hold a picture",
        "column pixels may hold a picture",
    ]
    (kept,) = pq.read_table(tmp_path / "out/x.parquet").to_pylist()
    assert kept["caption"] == "a person"
    assert kept["image"]["bytes"] != photos[0]


def test_what_text_may_hold():
    data = bytes(range(256)) * 4
    plain = base64.b64encode(data).decode()
    wrapped = base64.encodebytes(data).decode()
    for text in (plain, wrapped, json.dumps({"image": wrapped}), data.hex(), "7, " * 1100):
        assert text_may_hold(text)
    prose = "The quick brown fox, 42 years old, jumps. " * 200
    for text in ("", prose, json.dumps({"n": list(range(500))}), "male young smiling " * 100):
        assert not text_may_hold(text)
    assert value_may_hold({"a": [{"b": plain}]})
    assert value_may_hold([bytes(65)])
    assert not value_may_hold([None, True, 1.5, bytes(32), {"k": ["v"]}])


def test_a_bomb_is_refused_before_it_is_read(tmp_path):
    """30 kB that expand to 200 MB."""
    table = pa.table({"image": [bytes(200 << 20)]})
    pq.write_table(table, tmp_path / "x.parquet", compression="zstd", use_dictionary=False)
    assert (tmp_path / "x.parquet").stat().st_size < 200_000
    before = pa.total_allocated_bytes()
    (row,) = job(tmp_path / "x.parquet", tmp_path / "out")
    assert row["counts"]["failed"] == 1
    assert "expands" in failures(tmp_path / "out")[0]["error"]
    assert pa.total_allocated_bytes() - before < 1 << 20


def archive(path, *members):
    """A tar of (name or TarInfo, bytes)."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8") as tar:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if info.isreg():
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def link(name, kind, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def test_a_misnamed_photo_is_protected(photos, tmp_path):
    source = archive(tmp_path / "a.tar", ("e.jpg", photos[0]), ("e.json", photos[1]))
    (row,) = job(source, tmp_path / "out")
    assert row["counts"]["protected"] == 2
    found = inputs.members(tmp_path / "out/a.tar")
    assert sorted(found) == ["e.jpg", "e.json"]
    assert found["e.json"] != photos[1]


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (("a.npy", bytes(range(256))), "neither a photo nor text"),
        (("a.txt", b"x\xff\xfe"), "neither a photo nor text"),
        (("a.json", base64.b64encode(bytes(900))), "text that may hold a picture"),
        (link("a.png", tarfile.SYMTYPE, "b.jpg"), "a link"),
        (link("a.png", tarfile.LNKTYPE, "b.jpg"), "a link"),
        (link("a.txt", tarfile.FIFOTYPE, ""), "a device or pipe"),
        (("/etc/a.txt", b"x"), "leaves the folder"),
        (("../a.txt", b"x"), "leaves the folder"),
        (("x/../../a.txt", b"x"), "leaves the folder"),
        (("C:\\a.txt", b"x"), "leaves the folder"),
        (("\udcff.txt", b"x"), "not UTF-8"),
    ],
)
def test_what_cannot_be_taken_has_an_outcome(photos, tmp_path, member, why):
    source = archive(tmp_path / "a.tar", member, ("b.jpg", photos[0]))
    (row,) = job(source, tmp_path / "out")
    assert (row["counts"]["protected"], row["counts"]["failed"]) == (1, 1)
    (bad,) = failures(tmp_path / "out")
    assert why in bad["error"]
    assert list(inputs.members(tmp_path / "out/a.tar")) == ["b.jpg"]


def test_endings_that_the_user_vouches_for(photos, tmp_path):
    source = archive(tmp_path / "a.tar", ("b.jpg", photos[0]), ("b.npy", bytes(range(256))))
    (row,) = job(source, tmp_path / "out", ("npy",))
    assert row["counts"]["failed"] == 0
    assert inputs.members(tmp_path / "out/a.tar")["b.npy"] == bytes(range(256))


def sparse(name, real):
    """An old GNU sparse member of one byte that expands to ``real`` bytes."""
    info = tarfile.TarInfo(name)
    info.size = 512
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = b"S"
    number = lambda n: (b"\x80" + n.to_bytes(11, "big")) if n >= 8**11 else b"%011o\0" % n  # noqa: E731
    block[386:398], block[398:410] = number(real - 512), number(512)
    block[483:495] = number(real)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + b"x" * 512


def test_a_sparse_member_takes_no_memory(photos, tmp_path):
    rest = archive(tmp_path / "rest.tar", ("b.jpg", photos[0])).read_bytes()
    (tmp_path / "a.tar").write_bytes(sparse("a.jpg", 4 << 30) + rest)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (row,) = job(tmp_path / "a.tar", tmp_path / "out")
    assert (row["counts"]["protected"], row["counts"]["failed"]) == (1, 1)
    assert "sparse" in failures(tmp_path / "out")[0]["error"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_member_of_8_terabytes_ends_its_shard_only(photos, tmp_path):
    info = tarfile.TarInfo("z.jpg")
    info.size = 8 << 40
    whole = archive(tmp_path / "rest.tar", ("b.jpg", photos[0])).read_bytes()
    place = 512 + (len(photos[0]) + 511) // 512 * 512
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.tar").write_bytes(
        whole[:place] + info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    )
    archive(tmp_path / "in/b.tar", ("c.jpg", photos[1]))
    first, second = job(tmp_path / "in", tmp_path / "out")
    assert first["counts"]["protected"] == 1
    assert first["counts"]["failed"] >= 1
    assert second["counts"] == {"protected": 1, "no_face": 0, "skipped": 0, "failed": 0}


def test_a_huge_header_is_not_read(tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    (row,) = job(tmp_path / "a.tar", tmp_path / "out")
    assert row["counts"]["failed"] == 1


def test_a_bug_in_a_shard_is_that_shards(photos, tmp_path, monkeypatch):
    from faceveil.scale import work

    for name in "ab":
        inputs.shard(tmp_path / f"in/{name}.tar", photos[:1])
    real = work.webdataset.run

    def broken(part, *rest):
        yield from real(part, *rest)
        if part.output == "a.tar":
            raise ZeroDivisionError

    monkeypatch.setattr(work.webdataset, "run", broken)
    first, second = job(tmp_path / "in", tmp_path / "out")
    assert (first["counts"]["protected"], first["counts"]["failed"]) == (0, 1)
    assert second["counts"]["protected"] == 1
