"""In place: what a replaced file keeps, and which other names keep the original."""

import os

import pytest

from faceveil.files.attributes import keep_attributes
from faceveil.files.jobs import plan_jobs
from tests.cli.test_protect import call
from tests.files.test_batch import write_photo


@pytest.fixture
def path(tmp_path):
    return write_photo(tmp_path / "in" / "a.png")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_mode_times_and_attributes_stay(path, mode):
    path.chmod(mode)
    os.utime(path, ns=(1_000_000_000, 2_000_000_000))
    kept = True
    try:
        os.setxattr(path, "user.note", b"mine")
        os.setxattr(path, "user.preview", bytes(2000))
    except (OSError, AttributeError):
        kept = False
    before = path.read_bytes()
    assert call(path, "--in-place") == 0
    assert path.read_bytes() != before
    found = path.stat()
    assert (found.st_mode & 0o7777, found.st_mtime_ns) == (mode, 2_000_000_000)
    if kept:
        assert os.listxattr(path) == ["user.note"]


def test_owner_stays(path):
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(path, 1234, 2345)
    assert call(path, "--in-place") == 0
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_a_group_that_cannot_be_kept_loses_its_rights(path, tmp_path, monkeypatch):
    new = tmp_path / "new"
    new.write_bytes(b"x")
    path.chmod(0o664)
    real = os.stat

    def stat(name, **more):
        found = real(name, **more)
        if str(name) == str(path):  # as if of a group that we are not in
            return os.stat_result([*found[:5], 54321, *found[6:]], {})
        return found

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "chown", refused)
    monkeypatch.setattr(os, "stat", lambda name, **more: _Group(stat(name, **more), real(name)))
    keep_attributes(path, new)
    monkeypatch.undo()
    assert new.stat().st_mode & 0o777 == 0o604


class _Group:
    """A stat result with nanoseconds of the real one."""

    def __init__(self, told, real):
        self.told, self.real = told, real

    def __getattr__(self, name):
        return getattr(self.real if name.endswith("_ns") else self.told, name)


def test_a_linked_photo_changes_what_it_links_to(path, tmp_path):
    link = tmp_path / "in" / "z.png"
    link.symlink_to(path)
    other = write_photo(tmp_path / "elsewhere" / "b.png", 1)
    (tmp_path / "in" / "b.png").symlink_to(other)
    before = path.read_bytes(), other.read_bytes()
    assert call(tmp_path / "in", "--in-place") == 0
    assert link.is_symlink()
    assert (tmp_path / "in" / "b.png").is_symlink()
    assert path.read_bytes() != before[0]
    assert other.read_bytes() != before[1]
    assert len(plan_jobs([str(tmp_path / "in")], None, in_place=True)) == 2


def test_a_hard_links_twin_is_named(path, tmp_path, capsys):
    os.link(path, path.with_name("copy.bin"))
    assert call(path, "--in-place") == 1
    said = capsys.readouterr().err
    assert "1 other name of it" in said
    assert str(path.with_name("copy.bin")) in said


def test_twins_that_are_both_protected_are_no_matter(path, capsys):
    os.link(path, path.with_name("b.png"))
    assert call(path.parent, "--in-place") == 0
    assert "hard link" not in capsys.readouterr().err
