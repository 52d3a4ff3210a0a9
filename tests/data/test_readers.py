"""Readers of raw data sets: official layouts in miniature, and what is said where they are bad."""

import pytest

from faceveil.data.readers import READERS
from faceveil.data.utkface import read_utkface
from faceveil.errors import OptionError

POINTS = "list_landmarks_align_celeba.txt"


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
        (lambda r: write(r, "Anno/identity_CelebA.txt", "000001.jpg x\n"), "line 1"),
        (lambda r: write(r, f"Anno/{POINTS}", "1\nx y\n000001.jpg 1 2 3\n"), "line 3"),
        (lambda r: write(r, f"Anno/{POINTS}", f"1\nx y\n000001.jpg{' a' * 10}\n"), "ten numbers"),
        (lambda r: (r / "Anno/list_attr_celeba.txt").write_bytes(b"\xff\xfe"), "cannot be read"),
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


def test_lfw_as_the_lists_are(tmp_path):
    touch(tmp_path, "lfw-deepfunneled/Ann_B/Ann_B_0001.jpg", "lfw-deepfunneled/C_D/C_D_0001.jpg")
    write(tmp_path, "female_names.txt", "Ann_B_0001\nAnn_B_0001.jpg\n\n")  # no suffix, twice
    write(tmp_path, "male_names.txt", "C_D_0001.jpg\n")
    assert [r.source for r in READERS["lfw"](tmp_path)] == ["C_D_0001.jpg", "Ann_B_0001.jpg"]


def test_lfw_csv_beside_in_and_here(tmp_path, monkeypatch):
    folder = tmp_path / "set.v1"
    touch(folder, "Ann_B_0001.jpg", "C_D/C_D_0001.jpg")
    write(tmp_path, "set.v1.csv", "name,gender\nAnn_B_0001.jpg,female\nC_D_0001.jpg,M\n")
    found = [(r.gender, r.identity, r.source) for r in READERS["lfw"](folder)]
    assert found == [("f", "Ann_B", "Ann_B_0001.jpg"), ("m", "C_D", "C_D_0001.jpg")]
    (tmp_path / "set.v1.csv").rename(folder / "set.v1.csv")
    monkeypatch.chdir(folder)
    assert len(READERS["lfw"](folder.relative_to(folder))) == 2
    write(folder, "set.v1.csv", "name,gender\nAnn_B_0001.jpg\n")
    with pytest.raises(OptionError, match="line 2: got ''; expected m or f"):
        READERS["lfw"](folder)


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


def test_utkface_leaves_out_children_and_bad_names(tmp_path, caplog):
    touch(tmp_path, "31_0_4_20170117.jpg", "9_1_0_2017.jpg", "40_1_2_5.jpg.chip.jpg")
    touch(tmp_path, "61_1_20170109142408075.jpg.chip.jpg", "39_1_20170116174525125.jpg.chip.jpg")
    found = {r.source: (r.gender, r.race, r.age) for r in READERS["utkface"](tmp_path)}
    assert found == {
        "31_0_4_20170117.jpg": ("m", "Others", 31),
        "40_1_2_5.jpg.chip.jpg": ("f", "Asian", 40),
    }
    assert "2 photos whose names lack a label and 1 of people under 18" in caplog.text
    assert len(read_utkface(tmp_path, minimum_age=9)) == 3
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
    write(tmp_path, "morph_2008_nonCommercial.csv", rows.splitlines()[0] + "\n3,W\n")
    with pytest.raises(OptionError, match=r"nonCommercial\.csv, line 2: got ''; expected M or F"):
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


def test_folder_reads_people_from_names(tmp_path):
    touch(tmp_path, "m/Bob_Ray_0001.jpg", "m/Bob_Ray_2.jpg", "m/IMG_0001.jpg", "m/20200101_12.jpg")
    touch(tmp_path, "F/Ann_1.jpg", "F/PXL_20210101_12.jpg", "F/face01_2.jpg", "F/Eve.jpg")
    people = {r.path.name: r.identity for r in READERS["folder"](tmp_path)}
    known = {"Bob_Ray_0001.jpg": "Bob_Ray", "Bob_Ray_2.jpg": "Bob_Ray", "Ann_1.jpg": "Ann"}
    assert {name: person for name, person in people.items() if person} == known
    assert len(people) == 8


@pytest.mark.parametrize("name", sorted(READERS))
def test_no_such_folder(tmp_path, name):
    with pytest.raises(OptionError):
        READERS[name](tmp_path / "gone")


def kaggle(root):
    touch(root, "img_align_celeba/img_align_celeba/000001.jpg")
    touch(root, "img_align_celeba/img_align_celeba/000002.jpg")
    write(root, "list_attr_celeba.csv", "image_id,Bald,Male,Young\n000001.jpg,-1,-1,1\n"
          "000002.jpg,1,1,-1\n")  # fmt: skip
    write(root, "list_eval_partition.csv", "image_id,partition\n000001.jpg,0\n000002.jpg,2\n")
    header = "image_id," + ",".join(f"p{i}" for i in range(10))
    points = "000001.jpg,69,109,106,113,77,142,73,152,108,154"
    write(root, "list_landmarks_align_celeba.csv", f"{header}\n{points}\n")


def test_celeba_as_on_kaggle(tmp_path):
    kaggle(tmp_path)
    women, men = READERS["celeba"](tmp_path)
    assert (women.gender, women.identity, women.split) == ("f", "", "train")
    assert women.landmarks == ((69, 109), (106, 113), (77, 142), (73, 152), (108, 154))
    assert (men.gender, men.split, men.landmarks) == ("m", "test", None)
    write(tmp_path, "list_attr_celeba.csv", "image_id,Male\n000001.jpg,7\n")
    with pytest.raises(OptionError, match="line 2"):
        READERS["celeba"](tmp_path)


def test_rafd(tmp_path, caplog):
    """Frontal photos only, children too: 42 males and 25 females with 24 photos each (000)."""
    touch(tmp_path, "Rafd090_01_Caucasian_female_angry_frontal.jpg",
          "Rafd090_47_Moroccan_male_happy_left.jpg", "Rafd090_05_Kid_male_sad_right.jpg",
          "Rafd045_01_Caucasian_female_angry_frontal.jpg", "cover.jpg")  # fmt: skip
    found = {r.identity: (r.gender, r.race) for r in READERS["rafd"](tmp_path)}
    assert found == {"rafd-01": ("f", "White"), "rafd-47": ("m", "Others"), "rafd-05": ("m", "")}
    assert "1 photos of turned heads and 1 whose names" in caplog.text


def test_ar_face(tmp_path):
    touch(tmp_path, "M-001-01.bmp", "session2/W-012-26.png", "readme.png")
    found = [(r.gender, r.identity, r.source) for r in READERS["ar"](tmp_path)]
    assert found == [("m", "ar-m-001", "M-001-01.bmp"), ("f", "ar-w-012", "W-012-26.png")]
    raw = tmp_path / "raw"
    touch(raw, "M-001-01.raw")
    with pytest.raises(OptionError, match=r"only \.raw files"):
        READERS["ar"](raw)
