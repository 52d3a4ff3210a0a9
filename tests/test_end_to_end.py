"""The whole path with the shipped weights, on the portrait and on real photos."""

import json

import cv2
import numpy as np
import pytest

import faceveil
from faceveil.cli.main import main
from faceveil.imaging.decode import load_photo
from faceveil.imaging.geometry import canonical_from_landmarks, transform


@pytest.fixture(scope="module")
def protector():
    return faceveil.load_protector("san", threads=1)


def test_portrait_changes_inside_the_face_only_and_keeps_its_colours(protector, portrait):
    done = protector.protect_photo(portrait)
    (face,) = done.faces
    assert face.gender == "female"
    assert face.target == "male"
    y, x = np.mgrid[:512, :512]
    matrix = canonical_from_landmarks(face.face.landmarks)
    where = transform(matrix, np.stack([x.ravel(), y.ravel()], 1)).reshape(512, 512, 2)
    outside = ((where < -1) | (where > 224)).any(axis=2)
    assert np.array_equal(done.image[outside], portrait[outside])
    before, after = portrait.astype(int), done.image.astype(int)
    free = ((after > 0) & (after < 255)).all(axis=2)
    red_minus_green = [(p[..., 0] - p[..., 1])[free] for p in (before, after)]
    assert np.array_equal(*red_minus_green)
    assert 0.002 < face.mean_change < 0.1


def test_same_input_same_output(protector, portrait):
    one = protector.protect_photo(portrait, target="random", seed=3)
    two = faceveil.load_protector("san", threads=2).protect_photo(portrait, target="random", seed=3)
    assert np.array_equal(one.image, two.image)


def test_check_tells_a_change_from_none(portrait):
    same = faceveil.check(portrait, portrait)
    assert not same.passed
    assert same.checks[0].similarity == pytest.approx(1, abs=1e-3)
    assert same.checks[0].p_male_before == same.checks[0].p_male_after


def test_check_sees_another_face_as_no_match(portrait):
    other = portrait.copy()
    other[60:180, 180:270] = cv2.GaussianBlur(portrait[60:180, 180:270], (0, 0), 25)
    (result,) = faceveil.check(portrait, other).checks
    assert not result.match


def test_check_refuses_other_sizes(portrait):
    with pytest.raises(faceveil.FaceVeilError, match=r"size|shape"):
        faceveil.check(portrait, portrait[:500])


def test_check_names_the_photo_that_cannot_be_read(portrait, tmp_path):
    (tmp_path / "text.png").write_bytes(b"text")
    with pytest.raises(faceveil.FaceVeilError, match=r"text\.png: not an image"):
        faceveil.check(portrait, tmp_path / "text.png")


def test_demo(tmp_path, capsys):
    assert main(["demo", "--output", str(tmp_path)]) == 0
    sheet = load_photo(tmp_path / "side-by-side.png").pixels
    assert sheet.shape == (544, 1032, 3)
    text = capsys.readouterr().out
    assert "P(male) before" in text
    names = ("original", "protected")
    original, protected = (load_photo(tmp_path / f"{n}.png").pixels for n in names)
    assert np.array_equal(sheet[32:, :512], original)
    assert np.array_equal(sheet[32:, -512:], protected)


def test_command_line_on_real_photos(shared, tmp_path, capsys):
    files = sorted((shared / "data" / "london").glob("*.jpg"))[:2]
    files += sorted((shared / "data" / "wild").glob("*.jpg"))[:2]
    report = tmp_path / "report.json"
    argv = ["protect", *map(str, files), "-o", str(tmp_path / "out"), "--report", str(report)]
    assert main(argv) == 0
    entries = json.loads(report.read_text())["files"]
    assert all(e["faces"] for e in entries)
    capsys.readouterr()
    code = main(["check", str(files[0]), entries[0]["target"], "--json"])
    result = json.loads(capsys.readouterr().out)
    assert code == (0 if result["passed"] else 1)
    assert result["faces"][0]["similarity"] > result["faces"][0]["threshold"]


def test_gender_moves_on_people_that_training_never_saw(shared, protector):
    """Development set, bundled judge: trained on other data, never used in training."""
    from faceveil.data.packs import load_packs
    from faceveil.evaluation.metrics.gender import auc
    from faceveil.judges.registry import bundled

    pack = load_packs([shared / "data" / "celeba128-test.parquet"], grey=True)
    chosen = np.random.default_rng(0).permutation(len(pack))[:160]
    crops = np.stack([cv2.resize(pack.images[i], (224, 224)) for i in chosen]).astype(np.uint8)
    male = pack.male[chosen]
    protected = protector.protect_crops(crops, male.astype(np.uint8))
    judge = bundled(threads=1).gender[0]
    before, after = (
        auc(judge.p_male(np.repeat(c[..., None], 3, axis=3)), male) for c in (crops, protected)
    )
    assert before > 0.95
    assert after < before - 0.05
