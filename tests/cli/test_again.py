"""``faceveil protect`` a second time: the same settings skip, others do it again."""

import json

import pytest

from faceveil.files.runs import FILE
from tests.cli.test_protect import call
from tests.files.test_batch import write_photo


@pytest.fixture
def photos(tmp_path):
    for i, name in enumerate(("a.png", "sub/b.png")):
        write_photo(tmp_path / "in" / name, i)
    return tmp_path / "in"


def last(capsys):
    """The summary of the last run."""
    return [line for line in capsys.readouterr().err.splitlines() if " failed; " in line][-1]


@pytest.mark.parametrize(
    "flags",
    [
        ["--strength", 1],
        ["--method", "san"],  # other weights; the protector here is one and the same
        ["--gender", "female"],
        ["--target", "neutral"],
        ["--faces", "largest"],
        ["--keep-metadata"],
    ],
)
def test_other_settings_do_it_again(photos, tmp_path, capsys, flags):
    out = ("-o", tmp_path / "out")
    call(photos, *out)
    assert call(photos, *out, *flags) == 0
    assert "2 protected, 0 no face, 0 skipped, 0 failed" in (told := last(capsys))
    assert "2 done again" in told
    assert call(photos, *out, *flags) == 0
    assert "2 skipped, 0 failed" in (told := last(capsys))
    assert "again" not in told


@pytest.mark.parametrize("flags", [["--jobs", 3], ["--on-no-face", "copy"], ["--existing", "skip"]])
def test_what_does_not_change_the_result_does_nothing_again(photos, tmp_path, capsys, flags):
    call(photos, "-o", tmp_path / "out")
    call(photos, "-o", tmp_path / "out", *flags)
    assert "2 skipped" in last(capsys)


def test_another_key_does_it_again(photos, tmp_path, capsys):
    keys = [tmp_path / "one", tmp_path / "two"]
    for i, key in enumerate(keys):
        key.write_bytes(bytes(range(i, 32 + i)))
    call(photos, "-o", tmp_path / "out", "--key", keys[0])
    call(photos, "-o", tmp_path / "out", "--key", keys[0])
    assert "2 skipped" in last(capsys)
    call(photos, "-o", tmp_path / "out", "--key", keys[1])
    assert "2 done again" in last(capsys)
    record = (tmp_path / "out" / FILE).read_bytes()
    assert not any(
        key.read_bytes() in record or key.read_bytes().hex().encode() in record for key in keys
    )


def test_other_weights_do_it_again(photos, tmp_path, capsys, monkeypatch):
    call(photos, "-o", tmp_path / "out")
    monkeypatch.setattr(
        "faceveil.systems.specs.weights_of", lambda name: {"adaptive.onnx": "another"}
    )
    call(photos, "-o", tmp_path / "out")
    assert "2 done again" in last(capsys)


def test_one_file_and_in_place(photos, tmp_path, capsys):
    one = ("-o", tmp_path / "made" / "me.png")
    call(photos / "a.png", *one)
    assert json.loads((tmp_path / "made" / FILE).read_text())["name"] == "me.png"
    call(photos / "a.png", *one, "--strength", 1)
    assert "1 done again" in last(capsys)
    call(photos / "a.png", "--in-place")
    assert not (photos / FILE).exists()
