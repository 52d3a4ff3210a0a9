"""Which files are inputs, and where their results go."""

import os

import pytest

from faceveil.errors import OptionError
from faceveil.files.jobs import plan_jobs
from faceveil.files.paths import shown


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "in"
    for name in ("a.jpg", "sub/b.PNG", "sub/deep/c d.webp", "notes.txt", ".hidden.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def pairs(jobs, root, output):
    return [
        (str(j.source.relative_to(root)), str(j.target.relative_to(output)), bool(j.problem))
        for j in jobs
    ]


def test_folders_are_walked_and_mirrored(tree, tmp_path):
    out = tmp_path / "out"
    assert pairs(plan_jobs([str(tree)], out), tree, out) == [
        ("a.jpg", "a.jpg", False),
        ("sub/b.PNG", "sub/b.PNG", False),
        ("sub/deep/c d.webp", "sub/deep/c d.webp", False),
    ]


def test_output_inside_the_input_is_not_read_again(tree):
    out = tree / "out"
    out.mkdir()
    (out / "old.jpg").write_bytes(b"x")
    assert "out/old.jpg" not in {p[0] for p in pairs(plan_jobs([str(tree)], out), tree, out)}


def test_globs_and_single_files(tree, tmp_path):
    jobs = plan_jobs([str(tree / "**" / "*.webp"), str(tree / "notes.txt")], tmp_path / "out")
    assert [j.target.name for j in jobs] == ["c d.webp", "notes.txt"]


def test_same_input_twice_is_one_job(tree, tmp_path):
    file = str(tree / "a.jpg")
    assert len(plan_jobs([file, file], tmp_path / "out")) == 1


def test_two_inputs_for_one_output(tree, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.jpg").write_bytes(b"x")
    first, second = plan_jobs([str(tree / "a.jpg"), str(other / "a.jpg")], tmp_path / "out")
    assert first.problem is None
    assert "same file" in second.problem


@pytest.mark.parametrize("kind", ["folder", "symlink", "hardlink"])
def test_an_input_is_never_the_output(tree, tmp_path, kind):
    out = tmp_path / "out"
    if kind == "folder":
        out = tree
    else:
        out.mkdir()
        link = os.symlink if kind == "symlink" else os.link
        link(tree / "a.jpg", out / "a.jpg")
    (job,) = plan_jobs([str(tree / "a.jpg")], out)
    assert "input itself" in job.problem


def test_another_inputs_place_is_not_taken(tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("a.jpg", "x/a.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    jobs = plan_jobs([str(tmp_path / "x" / "a.jpg"), str(tmp_path / "a.jpg")], tmp_path)
    assert all(j.problem for j in jobs)


def test_in_place(tree):
    (job,) = plan_jobs([str(tree / "a.jpg")], None, in_place=True)
    assert job.source == job.target


def test_bad_calls(tree, tmp_path):
    with pytest.raises(OptionError, match="neither"):
        plan_jobs([str(tree)], None)
    with pytest.raises(OptionError, match="both"):
        plan_jobs([str(tree)], tmp_path, in_place=True)
    with pytest.raises(OptionError, match="expected a folder"):
        plan_jobs([str(tree)], tree / "a.jpg")


def test_shown_is_one_line():
    assert shown("a\nb\t😀 é\x1b[0m") == "a\\nb\\t😀 é\\x1b[0m"


def test_an_output_that_is_the_input_is_said_once(tree, tmp_path):
    with pytest.raises(OptionError, match="the folder of the inputs themselves; choose another"):
        plan_jobs([str(tree)], tree)
    kept = plan_jobs([str(tree / "a.jpg"), str(tree / "sub" / "b.PNG")], tree)  # the rest is done
    assert [bool(job.problem) for job in kept] == [True, False]
