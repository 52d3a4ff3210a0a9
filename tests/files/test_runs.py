"""A run does again what other settings made, and lets stay what they did not make."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from faceveil.errors import OutputError
from faceveil.files.batch import BatchOptions, protect_files
from faceveil.files.jobs import plan_jobs
from faceveil.files.reports import summary
from faceveil.files.runs import FILE, Runs
from faceveil.protect.given import GivenFace, GivenPhoto
from faceveil.protect.photo import PhotoOptions
from tests.files.test_batch import FakeProtector, write_photo
from tests.protect.fakes import FixedDetector


def run(folder, out, workers=1, protector=None, secret=b"", **options):
    """A run; its strength stands for all that is in the settings."""
    photo = PhotoOptions(strength=options.pop("strength", 0.8))
    runs = Runs(out, {"strength": photo.strength}, secret)
    batch = BatchOptions(photo, runs=runs, **options)
    jobs = plan_jobs([str(folder)], out)
    return list(protect_files(jobs, protector or FakeProtector(), batch, workers))


def fates(results):
    return [(r.status, r.before) for r in results]


@pytest.fixture
def photos(tmp_path):
    for i, name in enumerate(("a.png", "b\n😀.jpg", "sub/a.png")):
        write_photo(tmp_path / "in" / name, i)
    return tmp_path / "in"


def contents(out):
    return {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != FILE}


def test_same_settings_skip_and_others_do_it_again(photos, tmp_path):
    out = tmp_path / "out"
    assert fates(run(photos, out, workers=3)) == [("protected", "nothing")] * 3
    first = contents(out)
    assert fates(run(photos, out)) == [("skipped", "same")] * 3
    assert contents(out) == first
    results = run(photos, out, strength=1.0, workers=3)
    assert fates(results) == [("protected", "other")] * 3
    run(photos, tmp_path / "fresh", strength=1.0)
    fresh = contents(tmp_path / "fresh")
    assert contents(out) == {out / p.relative_to(tmp_path / "fresh"): b for p, b in fresh.items()}
    assert "3 done again, since settings, weights or photo were others" in summary(results, 1)
    assert fates(run(photos, out, strength=1.0)) == [("skipped", "same")] * 3
    assert fates(run(photos, out)) == [("protected", "other")] * 3
    assert contents(out) == first


def test_what_others_wrote_stays_and_is_said(photos, tmp_path):
    out = tmp_path / "out"
    run(photos, out)
    (out / "a.png").write_bytes(b"retouched")
    (out / FILE).with_name("sub").joinpath("a.png").unlink()
    results = run(photos, out, strength=1.0)
    kept, again, new = fates(results)
    assert kept == ("skipped", "unknown")
    assert again == ("protected", "other")
    assert new == ("protected", "nothing")
    assert (out / "a.png").read_bytes() == b"retouched"
    told = summary(results, 1)
    assert "1 was there before, by other settings or another program (--existing overwrite" in told
    (out / FILE).unlink()  # as a folder of an earlier version
    results = run(photos, out, strength=1.0)
    assert fates(results) == [("skipped", "unknown")] * 3
    assert "3 were there before" in summary(results, 1)


def test_a_photo_that_changed_is_done_again_another_photo_is_not(photos, tmp_path):
    out = tmp_path / "out"
    run(photos / "a.png", out)
    first = (out / "a.png").read_bytes()
    write_photo(tmp_path / "other" / "a.png", 7)
    assert fates(run(tmp_path / "other" / "a.png", out)) == [("skipped", "unknown")]
    assert (out / "a.png").read_bytes() == first
    write_photo(photos / "a.png", 8)
    assert fates(run(photos / "a.png", out)) == [("protected", "other")]
    assert (out / "a.png").read_bytes() != first


def test_folders_that_were_moved_or_copied_are_known(photos, tmp_path):
    run(photos, tmp_path / "out")
    shutil.copytree(photos, tmp_path / "moved")
    shutil.copytree(tmp_path / "out", tmp_path / "new", copy_function=shutil.copyfile)
    assert fates(run(tmp_path / "moved", tmp_path / "new")) == [("skipped", "same")] * 3
    again = run(tmp_path / "moved", tmp_path / "new", strength=1.0)
    assert fates(again) == [("protected", "other")] * 3


def test_a_record_is_true_though_the_run_was_killed_before_the_file_was_there(photos, tmp_path):
    out = tmp_path / "out"
    run(photos / "a.png", out)
    old = (out / "a.png").read_bytes()
    killed = BatchOptions(PhotoOptions(), runs=Runs(out, {"strength": 1.0}))
    (job,) = plan_jobs([str(photos / "a.png")], out)
    (tmp_path / "never placed").write_bytes(b"x" * len(old))
    killed.note(job, tmp_path / "never placed", copied=False)
    assert fates(run(photos / "a.png", out)) == [("skipped", "same")]
    assert fates(run(photos / "a.png", out, strength=1.0)) == [("protected", "other")]


def test_torn_and_foreign_lines_are_passed_over(photos, tmp_path):
    out = tmp_path / "out"
    run(photos / "a.png", out)
    whole = (out / FILE).read_text()
    foreign = ["[1, 2]", '{"name": 1}', "\x00", json.dumps({**json.loads(whole), "size": "many"})]
    (out / FILE).write_text("\n".join([*foreign, whole.strip(), whole[:40]]))
    results = run(photos, out)  # two more, behind the torn line
    assert fates(results)[0] == ("skipped", "same")
    assert fates(run(photos, out)) == [("skipped", "same")] * 3


def test_two_runs_at_once_add_whole_lines(photos, tmp_path):
    out = tmp_path / "out"
    both = [BatchOptions(PhotoOptions(), runs=Runs(out, {"strength": 0.8})) for _ in range(2)]
    jobs = plan_jobs([str(photos)], out)
    streams = [protect_files(jobs[i:], FakeProtector(), b, 2) for i, b in enumerate(both)]
    for stream in streams:
        list(stream)
    assert fates(run(photos, out)) == [("skipped", "same")] * 3


def test_a_copy_is_not_a_protected_photo(photos, tmp_path):
    out, blind = tmp_path / "out", FakeProtector(FixedDetector(()))
    run(photos / "a.png", out)
    assert fates(run(photos / "a.png", out, on_no_face="copy")) == [("skipped", "same")]
    (out / "a.png").unlink()
    run(photos / "a.png", out, protector=blind, on_no_face="copy")
    assert fates(run(photos / "a.png", out, on_no_face="copy")) == [("skipped", "same")]
    assert fates(run(photos / "a.png", out, on_no_face="fail")) == [("protected", "other")]
    (result,) = run(photos / "a.png", out, strength=1.0, protector=blind)
    assert result.message.endswith("what other settings made of it stays")


def test_boxes_of_one_photo_do_not_touch_the_others(photos, tmp_path):
    out = tmp_path / "out"
    run(photos, out)
    boxes = {photos / "a.png": GivenPhoto((GivenFace((60.0, 60.0, 120.0, 130.0)),))}
    assert [f[1] for f in fates(run(photos, out, boxes=boxes))] == ["other", "same", "same"]


def test_the_record_tells_neither_settings_nor_the_photo(photos, tmp_path):
    """With a secret, its digests cannot be tried out; of the source 32 bits each are in it."""
    out = tmp_path / "out"
    run(photos / "a.png", out, secret=b"s" * 32)
    run(photos / "a.png", tmp_path / "plain")
    entry, plain = (json.loads((f / FILE).read_text()) for f in (out, tmp_path / "plain"))
    assert entry["settings"] != plain["settings"]
    assert len(entry["path"]) == len(entry["photo"]) == 8
    text = (out / FILE).read_text()
    assert str(photos) not in text
    assert str(os.stat(photos / "a.png").st_mtime_ns) not in text
    assert fates(run(photos / "a.png", out, secret=b"t" * 32)) == [("protected", "other")]


def test_a_record_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(OutputError, match=r"faceveil-runs\.jsonl: cannot be read"):
        Runs(tmp_path, {})


def test_without_a_record_all_is_as_it_was(photos, tmp_path):
    batch = BatchOptions(PhotoOptions())
    jobs = plan_jobs([str(photos)], tmp_path / "out")
    list(protect_files(jobs, FakeProtector(), batch))
    assert not (tmp_path / "out" / FILE).exists()
    again = list(protect_files(jobs, FakeProtector(), replace(batch, existing="skip")))
    assert fates(again) == [("skipped", "unknown")] * 3
