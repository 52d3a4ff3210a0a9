"""``faceveil data``, from raw photos to packs and to the Keras layout."""

import cv2
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the train extra")

from faceveil.cli.main import main
from faceveil.data.packs import load_packs


@pytest.fixture
def raw(tmp_path, portrait):
    """Two people with two photos each, and one photo of nobody."""
    for i, (gender, name) in enumerate([("female", "Ann"), ("male", "Bob")] * 2):
        path = tmp_path / "raw" / gender / name / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = np.clip(portrait[:300].astype(int) + 8 * i, 0, 255).astype(np.uint8)
        cv2.imwrite(str(path), photo[..., ::-1])
    cv2.imwrite(str(tmp_path / "raw/male/wall.png"), np.full((90, 90, 3), 128, np.uint8))
    return tmp_path / "raw"


def prepare(raw, out, *more):
    command = ["data", "prepare", "folder", raw, "-o", out, "--fractions", "1,0,0", *more]
    return main([str(x) for x in command])


def test_prepare_and_keras_layout(tmp_path, raw, capsys):
    out = tmp_path / "packs"
    assert prepare(raw, out) == 1  # the wall is left out, and that is said
    said = capsys.readouterr()
    assert "4 faces, written" in said.out
    assert "1 photos left out" in said.err
    assert "wall.png,no face found" in (out / "folder-skipped.csv").read_text()
    pack = load_packs([out / "folder-train.parquet"])
    assert pack.images.shape == (4, 128, 128, 3)
    assert sorted(pack.male) == [0, 0, 1, 1]
    layout = tmp_path / "keras"
    command = ["data", "keras-layout", out / "folder-train.parquet", "-o", layout]
    assert main([str(x) for x in command]) == 0
    assert len(list((layout / "generated").rglob("*.png"))) == 6
    assert len(list((layout / "OR_2" / "female").iterdir())) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--fractions", "1,2"], "--fractions"),
        (["--size", "8"], "--size"),
        (["--fractions", "0.5,0.1,0.1"], "sum to 1"),
    ],
)
def test_bad_options(tmp_path, raw, capsys, more, message):
    assert prepare(raw, tmp_path / "packs", *more) == 2
    assert message in capsys.readouterr().err
