"""Face mixing, with a made-up landmark finder and candidates of one colour each."""

import json

import cv2
import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.systems.mixing.appearance import appearance, light
from faceveil.systems.mixing.candidates import Candidates, load_candidates
from faceveil.systems.mixing.protector import MixingProtector
from faceveil.systems.specs import MethodOptions, build_crop_protector, list_protectors

SHAPE = np.random.default_rng(0).uniform(50, 190, (68, 2)).astype(np.float32)
COLOURS = [(0.9, 0.7, 0.6), (0.4, 0.3, 0.2), (0.8, 0.6, 0.5), (0.3, 0.2, 0.1)]
MALE = np.array([False, False, True, True])
NOBODY = np.zeros(1, np.float32)


def plain(colour):
    return np.ones((224, 224, 3), np.float32) * np.array(colour, np.float32)


@pytest.fixture
def protector():
    """The shipped one, with four candidates of one colour and a finder that knows one shape."""
    p = MixingProtector(
        WEIGHTS / "landmarks.onnx", WEIGHTS / "candidates.npz", choice=Choice(threads=1)
    )
    p.finder = lambda faces: np.stack([SHAPE] * len(faces))
    p.candidates = Candidates.of(np.stack([plain(c) for c in COLOURS]), np.stack([SHAPE] * 4), MALE)
    p.grey = p.candidates.grey()
    return p


@pytest.mark.parametrize(
    ("own", "target", "rows"),
    [
        ((0.85, 0.68, 0.6), 0.0, [0]),
        ((0.85, 0.68, 0.6), 1.0, [2]),
        ((0.35, 0.25, 0.2), 0.0, [1]),
        ((0.35, 0.25, 0.2), 1.0, [3]),
        ((0.85, 0.68, 0.6), 0.5, [0, 2]),
    ],
)
def test_mixes_with_the_nearest_of_the_target_gender(protector, own, target, rows):
    out = protector.protect(plain(own)[None], NOBODY, np.array([target], np.float32), None)
    other = np.mean([COLOURS[r] for r in rows], axis=0)
    np.testing.assert_allclose(out[0], plain(0.5 * np.array(own) + 0.5 * other), atol=1e-5)


def test_the_persons_own_gender_makes_no_difference(protector):
    face = plain(COLOURS[0])[None]
    outs = [protector.protect(face, np.full(1, m, np.float32), NOBODY, None) for m in (0, 1)]
    assert np.array_equal(*outs)


def test_share(protector):
    protector.share = 0.2
    out = protector.protect(plain((0.5, 0.5, 0.4))[None], NOBODY, NOBODY, None)
    expected = 0.8 * np.array((0.5, 0.5, 0.4)) + 0.2 * np.array(COLOURS[1])
    np.testing.assert_allclose(out[0], plain(expected), atol=1e-5)


def test_share_of_nothing_is_the_input(protector):
    protector.share = 0.0
    faces = np.random.default_rng(1).random((2, 224, 224, 3)).astype(np.float32)
    out = protector.protect(faces, np.zeros(2, np.float32), np.ones(2, np.float32), None)
    assert np.array_equal(out, faces)
    assert out is not faces


def test_shape_goes_halfway(protector):
    """Eyes drawn on the own points are blended at the middle between both faces' points."""
    moved = SHAPE.copy()
    moved[36] = (80, 90)
    protector.candidates.shapes[:, 36] = (92, 96)
    protector.finder = lambda faces: moved[None]
    face = np.zeros((224, 224, 3), np.float32)
    cv2.circle(face, (80, 90), 2, (1, 0.5, 0), -1)
    others = np.zeros_like(protector.candidates.faces)
    cv2.circle(others[0], (92, 96), 2, (0, 0.5, 1), -1)
    others[1] = others[0]
    object.__setattr__(protector.candidates, "faces", others)
    out = protector.protect(face[None], NOBODY, NOBODY, None)[0]
    np.testing.assert_allclose(out[93, 86], (0.5, 0.5, 0.5), atol=0.05)
    assert out[90, 80].max() < 0.05


def test_grey_stays_grey(protector):
    grey = np.random.default_rng(2).random((2, 224, 224)).astype(np.float32)
    two = np.zeros(2, np.float32)
    rgb = protector.protect(np.repeat(grey[..., None], 3, axis=3), two, 1 - two, None)
    assert np.ptp(rgb, axis=-1).max() < 1e-6
    assert np.abs(rgb[..., 0] - grey).mean() > 0.05
    np.testing.assert_allclose(protector.protect(grey, two, 1 - two, None), rgb[..., 0])


def test_shipped_files_on_the_portrait(portrait):
    from faceveil.imaging.crop import extract_crop
    from faceveil.imaging.detect import CenterFace
    from faceveil.imaging.geometry import canonical_from_landmarks, transform

    face = CenterFace(choice=Choice(threads=1)).detect(portrait)[0]
    matrix = canonical_from_landmarks(face.landmarks)
    crop = (extract_crop(portrait, matrix) / np.float32(255))[None].astype(np.float32)
    protector = build_crop_protector("mixing", choice=Choice(threads=1))
    points = protector.finder(crop)[0]
    five = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[[30, 48, 54]][0]])
    expected = transform(matrix, face.landmarks)[:3]
    assert np.linalg.norm(five - expected, axis=1).max() < 9  # pixels; the eyes are 64 apart
    man, woman = np.ones(1, np.float32), np.zeros(1, np.float32)
    out = protector.protect(crop, woman, man, None)
    assert out.shape == crop.shape
    assert out.dtype == np.float32
    assert 0 <= out.min() <= out.max() <= 1
    assert 0.02 < np.abs(out - crop).mean() < 0.3
    assert np.array_equal(out, protector.protect(crop, woman, man, None))
    assert not np.allclose(out, protector.protect(crop, woman, woman, None))
    assert (protector.name, protector.channels) == ("mixing", 3)


def test_no_faces(protector):
    empty = np.zeros((0, 224, 224, 3), np.float32)
    assert protector.protect(empty, NOBODY[:0], NOBODY[:0], None).shape == empty.shape


def test_shipped_candidates_show_nobody():
    """Each is the average of at least 200 photos, and there are some of both genders."""
    card = json.loads((WEIGHTS / "candidates.json").read_text())
    assert card["measured"]["faces averaged"]["smallest"] >= 200
    pool = load_candidates(WEIGHTS / "candidates.npz")
    assert pool.faces.shape == (len(pool.male), 224, 224, 3)
    assert 2 <= pool.male.sum() <= len(pool.male) - 2
    assert (WEIGHTS / "candidates.npz").stat().st_size < 1.5e6
    assert (WEIGHTS / "landmarks.onnx").stat().st_size < 2.5e6


def test_appearance_is_colour_and_shape():
    a = appearance(plain((0.5, 0.5, 0.5)), SHAPE)
    lighter = appearance(plain((0.6, 0.6, 0.6)), SHAPE)
    moved = appearance(plain((0.5, 0.5, 0.5)), SHAPE + np.float32([4, 0]))
    assert np.linalg.norm(a - moved) == pytest.approx(1, abs=1e-3)
    lab = [cv2.cvtColor(np.full((1, 1, 3), v, np.float32), cv2.COLOR_RGB2Lab) for v in (0.5, 0.6)]
    assert np.linalg.norm(a - lighter) == pytest.approx(np.linalg.norm(lab[0] - lab[1]) / 10, 1e-3)


def test_light_is_that_of_the_face():
    face = np.zeros((224, 224, 3), np.float32)
    face[..., 1] = np.linspace(0, 1, 224, dtype=np.float32)[None]
    square = np.float32([[60, 60], [60, 160], [160, 60], [160, 160]] * 17)
    values = 0.587 * np.linspace(0, 1, 224)[60:161]
    assert light(face, square) == pytest.approx((values.mean(), values.std()), abs=1e-5)


@pytest.mark.parametrize(("spread", "gain"), [(0.05, 1.0), (0.15, 1.5), (0.9, 2.0)])
def test_candidates_take_the_faces_contrast_and_keep_their_colour(spread, gain):
    """Two greys, 0.1 about their mean, with a little red: luma spreads, differences stay."""
    face = np.full((224, 224, 3), 0.4, np.float32)
    face[::2] = 0.6
    face[..., 0] += 0.05
    pool = Candidates.of(face[None], SHAPE[None], np.array([True]))
    mean, own = pool.light[0]
    assert own == pytest.approx(0.1, abs=1e-3)
    out = pool.lit(0, spread)
    np.testing.assert_allclose(out @ [0.299, 0.587, 0.114] - mean,
                               gain * (face @ [0.299, 0.587, 0.114] - mean), atol=2e-3)  # fmt: skip
    np.testing.assert_allclose(out[..., 0] - out[..., 1], 0.05, atol=1e-5)


def test_by_name():
    assert "mixing" in list_protectors()
    with pytest.raises(OptionError, match="stages"):
        build_crop_protector("mixing", options=MethodOptions(stages=2))


@pytest.mark.parametrize("share", [-0.1, 0.6])
def test_bad_share(share):
    with pytest.raises(OptionError, match="share"):
        MixingProtector(WEIGHTS / "landmarks.onnx", WEIGHTS / "candidates.npz", share)


def copied(folder):
    for name in ("landmarks.onnx", "landmarks.json", "candidates.npz", "candidates.json"):
        (folder / name).write_bytes((WEIGHTS / name).read_bytes())
    return folder


@pytest.mark.parametrize("name", ["landmarks.onnx", "candidates.npz"])
def test_damaged_files_are_refused(tmp_path, name):
    with (copied(tmp_path) / name).open("r+b") as file:
        file.write(b"\0\0\0\0")
    with pytest.raises(ModelError, match="sha256") as caught:
        build_crop_protector("mixing", weights=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["landmarks.json", "candidates.npz", "candidates.json"])
def test_missing_files_are_named(tmp_path, name):
    (copied(tmp_path) / name).unlink()
    with pytest.raises(ModelError, match=name):
        build_crop_protector("mixing", weights=tmp_path)


def test_another_kinds_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match="expected 'landmarks'"):
        MixingProtector(WEIGHTS / "san.onnx", WEIGHTS / "candidates.npz")
    with pytest.raises(ModelError, match="expected candidate faces"):
        MixingProtector(WEIGHTS / "landmarks.onnx", WEIGHTS / "san.onnx")


@pytest.mark.parametrize("case", ["no zip", "missing", "pickled", "one gender", "short"])
def test_files_that_are_no_candidates(tmp_path, case):
    """With a digest that fits: what is inside is checked as well."""
    import hashlib

    path = tmp_path / "candidates.npz"
    faces, shapes = np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 68, 2), np.float32)
    arrays = {"faces": faces, "shapes": shapes, "male": np.array([True, False])}
    if case == "missing":
        del arrays["shapes"]
    elif case == "pickled":
        arrays["male"] = np.array([None, {}], object)
    elif case == "one gender":
        arrays["male"] = np.array([True, True])
    elif case == "short":
        arrays["shapes"] = shapes[:, :5]
    np.savez(path, **arrays)
    if case == "no zip":
        path.write_bytes(b"nothing of the kind")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps({"kind": "candidates", "sha256": digest}))
    with pytest.raises(ModelError, match="expected candidate faces"):
        load_candidates(path)


@pytest.mark.parametrize("target", [0.0, 0.5])
def test_a_clip_keeps_one_candidate_for_a_person(protector, target):
    """Most frames are nearest to one candidate; a dark frame does not change over to another."""
    wanted = np.array([target], np.float32)
    bright, dark = plain((0.85, 0.68, 0.6))[None], plain((0.35, 0.25, 0.2))[None]
    fixed = protector.fix_for_person(
        np.concatenate([bright, bright, dark]), wanted, np.zeros((3, 5, 2))
    )
    other = np.mean([COLOURS[r] for r in ([0, 2] if target else [0])], axis=0)
    for face in (bright, dark):
        out = fixed.protect(face, NOBODY, wanted, None)
        np.testing.assert_allclose(out[0], 0.5 * face[0] + 0.5 * plain(other)[0], atol=1e-5)
    alone = protector.protect(dark, NOBODY, wanted, None)
    assert np.abs(alone - fixed.protect(dark, NOBODY, wanted, None)).max() > 0.05
