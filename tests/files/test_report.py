"""Where a report goes, and where not."""

import json
import os
import threading

import pytest

from faceveil.cli.main import main
from faceveil.errors import OptionError
from tests.cli.test_protect import call
from tests.files.test_batch import write_photo


@pytest.mark.parametrize("what", ["input", "output", "key", "link", "hard link", "folder"])
def test_a_report_overwrites_nothing_of_the_run(tmp_path, what):
    photo = write_photo(tmp_path / "in" / "a.png")
    (tmp_path / "key").write_bytes(os.urandom(32))
    (tmp_path / "link").symlink_to(photo)
    os.link(photo, tmp_path / "hard")
    report = {
        "input": photo,
        "output": tmp_path / "out" / "a.png",
        "key": tmp_path / "key",
        "link": tmp_path / "link",
        "hard link": tmp_path / "hard",
        "folder": tmp_path / "in",
    }[what]
    before = photo.read_bytes(), (tmp_path / "key").read_bytes()
    flags = ("--target", "random", "--key", tmp_path / "key")
    with pytest.raises(OptionError, match="--report"):
        call(photo, "-o", tmp_path / "out", "--report", report, *flags)
    assert (photo.read_bytes(), (tmp_path / "key").read_bytes()) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_a_pipe_gets_it_directly(tmp_path):
    photo = write_photo(tmp_path / "in" / "a.png")
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    assert call(photo, "-o", tmp_path / "out", "--report", pipe) == 0
    reader.join(30)
    assert json.loads(read[0])["counts"]["protected"] == 1
    assert pipe.is_fifo()


def test_output_to_a_pipe_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo = write_photo(tmp_path / "in" / "a.png")
    assert main(["protect", str(photo), "-o", "-"]) == 2
    assert "--output -" in capsys.readouterr().err
    assert not (tmp_path / "-").exists()
