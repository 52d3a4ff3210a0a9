"""What all adversarial noise has in common, and what PGD and C&W promise of their own."""

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from faceveil import load_protector
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.systems.noise.cw import NEUTRAL_LOGIT, CWProtector
from faceveil.systems.noise.pgd import PGDProtector
from faceveil.systems.noise.white_box import direction

FILES = [WEIGHTS / f"noise_{i}.onnx" for i in (1, 2, 3)]


@pytest.fixture(scope="module")
def faces(shared):
    """Eight women and eight men of the test set, grey: (16, 224, 224) in [0, 1], and labels."""
    pytest.importorskip("pyarrow")
    from faceveil.data.packs import load_packs

    pack = load_packs([shared / "data/celeba128-test.parquet"], grey=True)
    rows = np.concatenate([np.flatnonzero(pack.male == side)[:8] for side in (0, 1)])
    crops = [cv2.resize(x, (224, 224), interpolation=cv2.INTER_CUBIC) for x in pack.images[rows]]
    return (np.stack(crops) / 255).astype(np.float32), pack.male[rows].astype(np.float32)


def blobs(count=3):
    """Pictures that need no data: blurred noise, black, and white corners included."""
    noise = np.random.default_rng(1).random((count, 224, 224)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(x, (0, 0), 12) for x in noise])
    return np.clip((smooth - 0.5) * 8 + 0.5, 0, 1).astype(np.float32)


def pgd(**options):
    return PGDProtector(FILES, choice=Choice(threads=1), **options)


def cw(**options):
    return CWProtector(FILES, choice=Choice(threads=1), **{"searches": 2, "steps": 25, **options})


def test_real_faces_are_read_as_the_target(faces):
    luma, male = faces
    protector = pgd(steps=8)
    before, after = (protector.logit(x)[0] for x in (luma, protector.protect(luma, male, 1 - male)))
    assert roc_auc_score(male, before) > 0.9
    assert roc_auc_score(male, after) < 0.05
    assert ((after > 0) == (male < 0.5)).all()


def test_cw_does_so_with_less_noise(faces):
    luma, male = faces[0][6:10], faces[1][6:10]
    protector = cw()
    out = protector.protect(luma, male, 1 - male)
    towards = np.where(male > 0.5, -1, 1)
    assert (towards * protector.logit(out)[0] >= protector.kappa - 0.05).all()
    noisy = pgd().protect(luma, male, 1 - male)
    share = np.square(out - luma).sum((1, 2)) / np.square(noisy - luma).sum((1, 2))
    assert np.median(share) < 0.25
    assert share.max() < 0.5  # the one that is hardest to turn


@pytest.mark.parametrize("epsilon", [2 / 255, 8 / 255])
@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_pgd_stays_in_the_ball_and_gets_nearer_to_the_target(epsilon, target):
    luma, wanted = blobs(), np.full(3, target, np.float32)
    protector = pgd(epsilon=epsilon, steps=6)
    out = protector.protect(luma, wanted, wanted)
    assert out.dtype == np.float32
    assert np.abs(out - luma).max() <= epsilon + 1e-6
    assert (out.min(), out.max()) >= (0, 0)
    assert out.max() <= 1
    before, after = protector.logit(luma)[0], protector.logit(out)[0]
    if target == 0.5:
        assert (np.abs(after) <= 0.2 * np.abs(before) + 0.05).all()
    else:
        assert (direction(before, wanted) * (after - before) > 0).all()


def test_one_step_of_pgd_is_the_sign_of_the_gradient():
    luma, men = blobs() * 0.5 + 0.25, np.ones(3, np.float32)
    protector = pgd(epsilon=0.04, steps=1)  # alpha is 0.1: the ball cuts it off
    gradient = protector.logit(luma)[1]
    out = protector.protect(luma, men, 1 - men)
    np.testing.assert_allclose(out - luma, -0.04 * np.sign(gradient), atol=1e-6)


def test_cw_answers_with_the_nearest_that_met_the_target():
    luma, wanted = blobs(), np.array([0, 1, 0.5], np.float32)
    protector = cw(kappa=1.0)
    out = protector.protect(luma, wanted, wanted)
    f = protector.logit(out)[0]
    assert f[0] <= -1 + 1e-3
    assert f[1] >= 1 - 1e-3
    assert abs(f[2]) <= NEUTRAL_LOGIT + 1e-3
    assert 0 <= out.min() <= out.max() <= 1
    more = cw(kappa=1.0, searches=3).protect(luma, wanted, wanted)
    first, second = (np.square(x - luma).sum((1, 2)) for x in (out, more))
    assert (second <= first).all()


def test_cw_leaves_alone_what_meets_the_target_already():
    luma = blobs()
    protector = cw(kappa=0.0, searches=1, steps=2)
    met = (protector.logit(luma)[0] > 0).astype(np.float32)
    np.testing.assert_allclose(protector.protect(luma, met, met), luma, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: pgd(steps=3), lambda: cw(searches=2, steps=3)])
def test_same_face_same_answer_whatever_else_is_in_the_batch(make):
    luma, target = blobs(), np.array([1, 0, 0.5], np.float32)
    out = make().protect(luma, target, target)
    assert np.array_equal(make().protect(luma, target, target), out)
    alone = [make().protect(luma[i : i + 1], target[i : i + 1], target[i : i + 1]) for i in (2, 0)]
    assert np.array_equal(np.concatenate(alone), out[[2, 0]])


@pytest.mark.parametrize("name", ["pgd", "cw"])
def test_by_name(name, monkeypatch):
    protector = load_protector(name, threads=1)
    assert protector.name == name
    monkeypatch.setattr(protector.crop_protector, "steps", 2)
    crops = np.rint(blobs(1) * 255).astype(np.uint8)
    assert np.array_equal(protector.protect_crops(crops, [1], strength=0.0), crops)
    assert not np.array_equal(protector.protect_crops(crops, [1], strength=1.0), crops)
    assert protector.protect_crops(crops[:0], []).shape == (0, 224, 224)
