"""Readers of raw data sets: official layouts in miniature, and what is said where they are bad."""

import pytest

from faceveil.data.readers import READERS
from faceveil.errors import OptionError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"photo")


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def celeba(root, *, anno="Anno/", eval_="Eval/"):
    touch(root, "img_align_celeba/000001.jpg", "img_align_celeba/000002.jpg")
    write(root, f"{anno}list_attr_celeba.txt", "2\nBald Male Young\n"
          "000001.jpg -1 -1  1\n000002.jpg  1  1 -1\n")  # fmt: skip
    write(root, f"{anno}identity_CelebA.txt", "000001.jpg 2880\n000002.jpg 17\n")
    write(root, f"{eval_}list_eval_partition.txt", "000001.jpg 0\n000002.jpg 2\n")


@pytest.mark.parametrize("nested", [True, False])
def test_celeba(tmp_path, nested):
    celeba(tmp_path, anno="Anno/" if nested else "", eval_="Eval/" if nested else "")
    women, men = READERS["celeba"](tmp_path)
    assert (women.gender, women.identity, women.split) == ("f", "2880", "train")
    assert (men.gender, men.identity, men.split, men.landmarks) == ("m", "17", "test", None)
    points = "000001.jpg 69 109 106 113 77 142 73 152 108 154\n"
    write(tmp_path, "list_landmarks_align_celeba.txt", "2\nlefteye_x ...\n" + points)
    again = READERS["celeba"](tmp_path)
    assert again[0].landmarks == ((69, 109), (106, 113), (77, 142), (73, 152), (108, 154))
    assert again[1].landmarks is None


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda r: (r / "Anno/identity_CelebA.txt").unlink(), "no identity list"),
        (lambda r: (r / "Eval/list_eval_partition.txt").unlink(), "official parts"),
        (lambda r: (r / "img_align_celeba/000002.jpg").unlink(), "no such file"),
        (lambda r: write(r, "Anno/list_attr_celeba.txt", "2\nBald Young\n"), "Male"),
        (lambda r: write(r, "Anno/list_attr_celeba.txt", "1\nMale\n000001.jpg 7\n"), "line 3"),
        (lambda r: write(r, "Anno/identity_CelebA.txt", "000001.jpg\n"), "line 1"),
    ],
)
def test_celeba_damaged(tmp_path, break_it, message):
    celeba(tmp_path)
    break_it(tmp_path)
    with pytest.raises(OptionError, match=message) as caught:
        READERS["celeba"](tmp_path)
    assert "\n" not in str(caught.value)


def test_celeba_as_shared(shared):
    records = READERS["celeba"](shared / "data" / "celeba-raw")
    assert len(records) == 450
    assert {r.split for r in records} == {"train", "test"}


def test_lfw_official_and_flat(tmp_path, shared):
    touch(tmp_path, "lfw/Ann_B/Ann_B_0001.jpg", "lfw/Ann_B/Ann_B_0002.jpg", "lfw/C_D/C_D_0001.jpg")
    write(tmp_path, "female_names.txt", "Ann_B_0001.jpg\nAnn_B_0002.jpg\n")
    write(tmp_path, "male_names.txt", "C_D_0001.jpg\n")
    found = {r.source: (r.gender, r.identity) for r in READERS["lfw"](tmp_path)}
    assert found["Ann_B_0002.jpg"] == ("f", "Ann_B")
    assert found["C_D_0001.jpg"] == ("m", "C_D")
    assert len(READERS["lfw"](shared / "data" / "lfw-raw")) == 283


def test_lfw_damaged(tmp_path):
    with pytest.raises(OptionError, match="list of men"):
        READERS["lfw"](tmp_path)
    write(tmp_path, "male_names.txt", "nonsense\n")
    write(tmp_path, "female_names.txt", "")
    with pytest.raises(OptionError, match="line 1"):
        READERS["lfw"](tmp_path)


def test_muct(tmp_path):
    touch(tmp_path, "jpg/i000qa-fn.jpg", "jpg/i001ra-mg.jpg")
    rows = "name,tag,x00,y00\ni000qa-fn,0000,1,2\ni001ra-mg,0000,1,2\nir000qa-fn,0000,1,2\n"
    write(tmp_path, "muct76-opencv.csv", rows)
    found = [(r.gender, r.identity) for r in READERS["muct"](tmp_path)]
    assert found == [("f", "muct-000"), ("m", "muct-001")]
    write(tmp_path, "muct76-opencv.csv", "name,tag\nx9,0\n")
    with pytest.raises(OptionError, match="line 2"):
        READERS["muct"](tmp_path)


def test_utkface_leaves_out_children_and_bad_names(tmp_path):
    touch(tmp_path, "31_0_4_20170117.jpg", "9_1_0_2017.jpg", "61_1_20170109.jpg", "40_1_2_5.jpg")
    found = {r.source: (r.gender, r.race, r.age) for r in READERS["utkface"](tmp_path)}
    assert found == {
        "31_0_4_20170117.jpg": ("m", "Others", 31),
        "40_1_2_5.jpg": ("f", "Asian", 40),
    }
    with pytest.raises(OptionError, match="no labelled photo"):
        READERS["utkface"](tmp_path.parent)


def test_morph(tmp_path):
    touch(tmp_path, "Album2/012500_00M27.JPG", "Album2/3_F.JPG")
    rows = (
        "id_num,race,gender,age,photo\n012500,B,M,27,012500_00M27.JPG\n3,W,F,40,Album2\\3_F.JPG\n"
    )
    write(tmp_path, "morph.csv", rows)
    man, woman = READERS["morph"](tmp_path)
    assert (man.gender, man.race, man.age, man.identity) == ("m", "Black", 27, "morph-012500")
    assert woman.path.is_file()
    write(tmp_path, "second.csv", rows)
    with pytest.raises(OptionError, match="2 CSV files"):
        READERS["morph"](tmp_path)


def test_folder(tmp_path):
    touch(tmp_path, "Male/a.jpg", "Male/Bob/1.png", "female/c.webp", "other/d.jpg", "female/n.txt")
    found = {r.source: (r.gender, r.identity) for r in READERS["folder"](tmp_path)}
    assert found == {
        "Male/a.jpg": ("m", ""),
        "Male/Bob/1.png": ("m", "Bob"),
        "female/c.webp": ("f", ""),
    }
    (tmp_path / "female/c.webp").unlink()
    with pytest.raises(OptionError, match="'female'"):
        READERS["folder"](tmp_path)


@pytest.mark.parametrize("name", sorted(READERS))
def test_no_such_folder(tmp_path, name):
    with pytest.raises(OptionError):
        READERS[name](tmp_path / "gone")
