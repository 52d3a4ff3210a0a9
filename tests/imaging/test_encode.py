"""Atomic writing."""

import errno
import os

import pytest

from faceveil.errors import OutputError
from faceveil.imaging.encode import TEMPORARY, remove_stale, write_atomic


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_writes_and_makes_folders(tmp_path):
    path = tmp_path / "a" / "b \n é 😀.png"
    write_atomic(b"abc", path)
    assert path.read_bytes() == b"abc"
    assert names(path.parent) == [path.name]


def test_existing_is_kept_unless_asked(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="already there"):
        write_atomic(b"new", path)
    assert path.read_bytes() == b"old"
    write_atomic(b"new", path, overwrite=True)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_failure_leaves_nothing(tmp_path, monkeypatch, code, where):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, where, fail)
    with pytest.raises(OutputError, match="cannot write it") as caught:
        write_atomic(b"new", path, overwrite=True)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_full_disk_says_so(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_atomic(b"x", tmp_path / "x")


def test_parent_is_a_file(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(OutputError, match="a file"):
        write_atomic(b"x", tmp_path / "f" / "x")


def test_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    write_atomic(b"a", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"a"
    with pytest.raises(OutputError, match="already there"):
        write_atomic(b"b", tmp_path / "x")


def test_long_names(tmp_path):
    write_atomic(b"a", tmp_path / ("n" * 240))
    with pytest.raises(OutputError, match="too long"):
        write_atomic(b"a", tmp_path / ("n" * 300))
    assert not [n for n in names(tmp_path) if n.endswith(TEMPORARY)]


def test_permissions_are_the_umasks(tmp_path):
    old = os.umask(0o022)
    try:
        write_atomic(b"a", tmp_path / "x")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_stale_temporaries_of_dead_processes_go(tmp_path):
    import subprocess
    import sys

    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    dead = tmp_path / f".a.png.{done.pid}-00ff{TEMPORARY}"
    young = tmp_path / f".b.png.{done.pid}-00ff{TEMPORARY}"
    alive = tmp_path / f".c.png.{os.getpid()}-00ff{TEMPORARY}"
    foreign = tmp_path / f"x{TEMPORARY}"
    for path in (dead, young, alive, foreign):
        path.write_bytes(b"x")
    for path in (dead, alive, foreign):
        os.utime(path, (1, 1))
    remove_stale([tmp_path, tmp_path / "none"])
    assert set(tmp_path.iterdir()) == {young, alive, foreign}
