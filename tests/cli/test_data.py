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
    assert len(list(layout.rglob("*.png"))) == 2 * 5
    assert [p.name for p in (layout / "male" / "OP").iterdir()] == ["male_Bob_1.png"]
    assert [p.name for p in (layout / "female" / "OR_2").iterdir()] == ["female_Ann_0.png"]
    assert main([str(x) for x in command]) == 2  # nothing is overwritten
    assert "is there already" in capsys.readouterr().err
    other = [*command[:4], tmp_path / "celeba", "--part"]
    assert main([str(x) for x in (*other, "train")]) == 0
    assert main([str(x) for x in (*other, "generated")]) == 0
    assert len(list((tmp_path / "celeba" / "generated").rglob("*.png"))) == 4 * 3
    assert len(list((tmp_path / "celeba" / "train").rglob("*.png"))) == 4
    prototypes = {p.name for p in (tmp_path / "celeba" / "prototype").iterdir()}
    assert prototypes == {"female.jpg", "male.jpg", "neutral.jpg"}


def test_again_and_repaired(tmp_path, raw, capsys):
    out = tmp_path / "packs"
    prepare(raw, out)
    before = (out / "folder-train.parquet").read_bytes()
    assert prepare(raw, out, "--jobs", "1") == 1
    assert "4 faces, up to date" in capsys.readouterr().out
    assert (out / "folder-train.parquet").read_bytes() == before
    (raw / "male/wall.png").unlink()
    assert prepare(raw, out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert prepare(raw, out, "--overwrite") == 0
    assert sorted(p.name for p in out.iterdir()) == ["folder-train.parquet", "folder.prepared.json"]


def test_no_face_anywhere(tmp_path, raw, capsys):
    for path in raw.rglob("*.png"):
        cv2.imwrite(str(path), np.full((90, 90, 3), 128, np.uint8))
    assert prepare(raw, tmp_path / "packs") == 1
    assert "no face in any of 5 photos" in capsys.readouterr().err


def test_utkface_with_its_age_limit(tmp_path, portrait, capsys):
    for name in ("30_1_0_2017.jpg.chip.jpg", "40_0_3_2017.jpg", "12_1_0_2017.jpg", "61_1_2017.jpg"):
        path = tmp_path / "utk" / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), portrait[:300, ..., ::-1])
    command = ["data", "prepare", "utkface", tmp_path / "utk", "-o", tmp_path / "o"]
    command += ["--size", "64", "--minimum-age", "35"]
    assert main([str(x) for x in command]) == 0
    pack = load_packs([tmp_path / "o" / "utkface64.parquet"])  # the whole, as recipes name it
    assert (pack.columns["age"].tolist(), pack.columns["race"].tolist()) == ([40], ["Indian"])
    assert not len(pack.identity)


def test_layout_needs_people(tmp_path, raw, capsys):
    for path in list(raw.rglob("[0-3].png")):
        path.rename(path.parents[1] / path.name)
    prepare(raw, tmp_path / "packs")
    pack = tmp_path / "packs" / "folder-train.parquet"
    command = ["data", "keras-layout", str(pack), "-o", str(tmp_path / "keras")]
    assert main(command) == 2
    assert "no column 'identity'" in capsys.readouterr().err
    assert main([*command, "--people", "0"]) == 2
    assert "--people" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--fractions", "1,2"], "--fractions"),
        (["--size", "8"], "--size"),
        (["--fractions", "0.5,0.1,0.1"], "sum to 1"),
        (["--seed", "-1"], "--seed"),
        (["--limit", "0"], "--limit"),
        (["--jobs", "-1"], "--jobs"),
        (["--name", "a/b"], "plain name"),
        (["--counts", "1,x,3"], "--counts"),
        (["--counts", "9,9,9"], "numbers of 5 photos"),
    ],
)
def test_bad_options(tmp_path, raw, capsys, more, message):
    assert prepare(raw, tmp_path / "packs", *more) == 2
    assert message in capsys.readouterr().err


def test_recipes_find_what_is_prepared(tmp_path, portrait):
    """CelebA as on Kaggle: the packs have the names that the recipes ask for."""
    from pathlib import Path

    import faceveil.systems.recipes  # noqa: F401  makes their kinds known
    from faceveil.training.config import load_config

    raw = tmp_path / "celeba"
    photo = cv2.imencode(".jpg", portrait[:300, ..., ::-1])[1].tobytes()
    names = [f"{i:06d}.jpg" for i in range(1, 8)]
    for name in names:
        path = raw / "img_align_celeba" / "img_align_celeba" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
    sides = [1, -1] * 4
    rows = "".join(f"{n},-1,{s}\n" for n, s in zip(names, sides, strict=False))
    (raw / "list_attr_celeba.csv").write_text("image_id,Bald,Male\n" + rows)
    rows = "".join(f"{n},{max(0, i - 4)}\n" for i, n in enumerate(names))
    (raw / "list_eval_partition.csv").write_text("image_id,partition\n" + rows)
    out = tmp_path / "data"
    assert main(["data", "prepare", "celeba", str(raw), "-o", str(out)]) == 0
    packs = {p.name for p in out.glob("*.parquet")}
    san = load_config(Path(__file__).parents[2] / "recipes" / "san.toml")
    assert packs == {*san.data, san.validation, "celeba128-test.parquet"}
    assert load_packs([out / n for n in san.data]).male.tolist() == [1, 0, 1, 0, 1]
    again = ["data", "prepare", "celeba", str(raw), "-o", str(out)]
    assert main(again) == 0  # up to date
    own = ["--name", "mine", "--counts", "4,1,2", "--size", "64"]
    assert main([*again, *own]) == 0
    sizes = [len(load_packs([out / f"mine-{p}.parquet"])) for p in ("train", "val", "test")]
    assert sizes == [4, 1, 2]
