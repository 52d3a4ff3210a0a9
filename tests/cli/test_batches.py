"""Progress: a bar on a terminal, a line every ten seconds in a log."""

import io
import sys

import pytest

from faceveil.cli import batches
from faceveil.cli.batches import Lines, run_photos
from faceveil.files.batch import BatchOptions
from faceveil.files.jobs import plan_jobs
from faceveil.protect.photo import PhotoOptions
from tests.files.test_batch import FakeProtector, write_photo


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_a_line_every_ten_seconds(capsys):
    times = iter([0, 4, 8, 12, 12, 16, 20, 24, 24, 28, 32])
    lines = Lines("photos", False, lambda: next(times))
    for done in range(1, 9):
        lines.tell(done, 9)
    lines.tell(9, 9)  # the summary follows
    said = capsys.readouterr().err.splitlines()
    assert said == ["photos: 3 of 9 done", "photos: 6 of 9 done"]


@pytest.mark.parametrize(("quiet", "file"), [(True, io.StringIO), (False, Terminal)])
def test_no_lines_where_nobody_wants_them_or_there_is_a_bar(monkeypatch, quiet, file):
    monkeypatch.setattr(sys, "stderr", file())
    times = iter(range(0, 1000, 100))
    lines = Lines("photos", quiet, lambda: next(times))
    for done in range(5):
        lines.tell(done, 9)
    assert sys.stderr.getvalue() == ""


def test_a_run_tells(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(batches, "EVERY", 0.0)
    for i in range(3):
        write_photo(tmp_path / "in" / f"{i}.png", i)
    jobs = plan_jobs([str(tmp_path / "in")], tmp_path / "out")
    run_photos(jobs, FakeProtector(), BatchOptions(PhotoOptions()), 1, quiet=False)
    said = capsys.readouterr().err.splitlines()
    assert said == ["photos: 1 of 3 done", "photos: 2 of 3 done"]
