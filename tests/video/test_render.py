"""Frames in, protected frames out: without codecs."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import faceveil
from faceveil.imaging.geometry import CROP_SIZE, canonical_from_landmarks, transform
from faceveil.imaging.photo import Photo
from faceveil.protect.photo import PhotoOptions
from faceveil.protect.targets import strength_of
from faceveil.systems.obscure import Blur
from faceveil.types import Face
from faceveil.video.finding import quick_look
from faceveil.video.people import FIRST_FRAMES, Decider
from faceveil.video.plan import Planner
from faceveil.video.render import REACH, SIGMA, TOLERANCE, Look, Renderer, blend
from tests.protect.fakes import BrightenProtector
from tests.video.scenes import FACE, grey_picture, scene, view

COUNT = 24
DEFAULT = PhotoOptions()


@pytest.fixture(scope="module")
def san():
    return faceveil.load_protector("san", threads=1)


@pytest.fixture(scope="module")
def pictures(portrait):
    return [grey_picture(scene(portrait, view(i), noise=3.0, seed=i), i / 25) for i in range(COUNT)]


class Estimator:
    """P(male) by turns, so that single frames disagree."""

    def __init__(self, values):
        self.values, self.seen = values, 0

    def p_male(self, luma):
        self.seen += len(luma)
        return np.resize(np.array(self.values, np.float32), len(luma))


class KnownFaces:
    """Finds the faces whose landmarks are told, frame by frame."""

    def __init__(self, frames):
        self.frames = iter(frames)

    def detect(self, rgb):
        found = []
        for points in next(self.frames):
            low, high = points.min(0) - 25, points.max(0) + 25
            found.append(Face((*low.tolist(), *high.tolist()), points.astype(np.float32), 0.9))
        return tuple(found)


def run(pictures, protector, options=DEFAULT, workers=1):
    decider = Decider(protector.crop_protector, protector.estimator, options)
    planner = Planner(decider)
    for picture in pictures:
        rgb = picture.shown()
        planner.add(rgb, picture.seconds, quick_look(protector.detector, rgb)[0])
    plan = planner.finish(options.faces)
    strength = strength_of(protector.crop_protector, options.strength)
    renderer = Renderer(plan, strength, workers)
    with renderer:
        return plan, list(renderer(pictures)), renderer


def fake(frames, method=None, p=(0.9,)):
    return SimpleNamespace(
        crop_protector=method or BrightenProtector(),
        estimator=Estimator(p),
        detector=KnownFaces(frames),
    )


def moving_faces(count=COUNT, offset=(0.0, 0.0)):
    return [[transform(view(i), FACE) + offset] for i in range(count)]


def flicker(pictures, protected):
    """Mean absolute second difference over time of the change where the face truly is."""
    frames = []
    for i, (before, after) in enumerate(zip(pictures, protected, strict=True)):
        change = after.astype(np.float32) - before.planes[0]
        matrix = canonical_from_landmarks(transform(view(i), FACE))
        frames.append(cv2.warpAffine(change, matrix, (CROP_SIZE, CROP_SIZE)))
    return float(np.abs(np.diff(np.stack(frames), 2, axis=0)).mean())


def test_frames_are_the_same_outside_of_the_face(pictures, san):
    plan, done, _ = run(pictures, san)
    assert len(done) == COUNT
    assert len(plan.tracks) == 1
    for i, (before, after) in enumerate(zip(pictures, done, strict=True)):
        moved = before.planes[0] != after.planes[0]
        assert moved.sum() > 500
        true = canonical_from_landmarks(transform(view(i), FACE))
        ys, xs = np.nonzero(moved)
        places = transform(true, np.stack([xs, ys], 1))
        assert places.min() > -14  # smoothing moves the crop by no more than that
        assert places.max() < CROP_SIZE + 13


def test_it_flickers_less_than_frame_by_frame(pictures, san):
    _, smooth, _ = run(pictures, san)
    options = PhotoOptions()
    single = [san.protect_loaded(Photo(p.planes[0], "L"), options)[0].pixels for p in pictures]
    steady, nervous = (
        flicker(pictures, frames) for frames in ([p.planes[0] for p in smooth], single)
    )
    assert steady < 0.5 * nervous
    changes = [
        np.mean([np.abs(a - p.planes[0].astype(float)).mean() for a, p in pairs])
        for pairs in (
            [(s.planes[0], p) for s, p in zip(smooth, pictures, strict=True)],
            list(zip(single, pictures, strict=True)),
        )
    ]
    assert changes[0] > 0.85 * changes[1]  # and not because it changes less


def test_one_gender_and_one_target_for_the_whole_clip(pictures):
    """Single frames read male or female; their mean decides, and no frame departs from it."""
    p = [0.2, 0.45, 0.95]  # mean 0.53 over fifteen
    subject = fake(moving_faces(), p=p)
    plan, done, renderer = run(pictures, subject)
    person = plan.people[0]
    assert (person.male, person.target) == (1.0, 0.0)
    assert person.p_male == pytest.approx(np.mean(p), abs=1e-6)
    assert subject.estimator.seen == FIRST_FRAMES
    assert {(m[0], t[0]) for m, t, _ in subject.crop_protector.calls} == {(1.0, 0.0)}
    for before, after in zip(pictures, done, strict=True):
        moved = after.planes[0].astype(int) - before.planes[0]
        assert moved.min() < -0.15 * 65535  # darker, in every frame
        assert moved.max() < 0.01 * 65535
    assert renderer.mean_change[0] == pytest.approx(0.8 * 0.2, abs=0.01)


def test_random_targets_follow_the_seed(pictures):
    def targets(seed):
        options = PhotoOptions(target="random", seed=seed)
        subject = fake(moving_faces())
        run(pictures, subject, options)
        return {float(t[0]) for _, t, _ in subject.crop_protector.calls}

    drawn = [targets(seed) for seed in range(16)]
    assert all(len(t) == 1 for t in drawn)
    assert {*drawn[0]} == targets(0)
    assert len(set.union(*drawn)) == 2


def test_two_faces_have_their_own_targets_and_can_be_chosen(portrait):
    """One is dark and reads as female, one is bright and reads as male."""
    pictures, places = [], []
    for i in range(20):
        left, right = (view(i, scale=0.4, at=(x, 10.0)) for x in (-20.0, 130.0))
        frame = scene(portrait, left)
        frame[:, 160:] = np.clip(scene(portrait, right)[:, 160:] * 0.3 + 170, 0, 255)
        pictures.append(grey_picture(frame, i / 25))
        places.append([transform(left, FACE), transform(right, FACE)])

    class ByLight(Estimator):
        def p_male(self, luma):
            return (luma.mean(axis=(1, 2)) > 0.7).astype(np.float32)

    def protect(faces):
        subject = fake(places)
        subject.estimator = ByLight([0])
        return run(pictures, subject, PhotoOptions(faces=faces))

    plan, done, _ = protect("all")
    assert [plan.people[n].target for n in (0, 1)] == [1.0, 0.0]
    moved = done[10].planes[0].astype(int) - pictures[10].planes[0]
    assert moved[:, :140].sum() > 0 > moved[:, 200:].sum()
    _, done, _ = protect("1")
    moved = done[10].planes[0].astype(int) - pictures[10].planes[0]
    assert not moved[:, :120].any()
    assert moved[:, 200:].sum() < 0


def test_frames_without_faces_pass_as_they_are(pictures):
    nobody = fake([[]] * COUNT)
    plan, done, _ = run(pictures, nobody)
    assert plan.chosen == frozenset()
    assert all(a is b for a, b in zip(pictures, done, strict=True))


def test_workers_make_no_difference(san, pictures):
    _, one, alone = run(pictures, san)
    _, many, together = run(pictures, san, workers=3)
    for a, b in zip(one, many, strict=True):
        assert np.array_equal(a.planes[0], b.planes[0])
    assert alone.mean_change == together.mean_change


def test_an_error_of_the_method_is_raised(pictures):
    class Broken(BrightenProtector):
        def protect(self, *_):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(pictures[:3], fake([[transform(view(i), FACE)] for i in range(3)], Broken()))


def test_memory_does_not_grow_with_the_clip(pictures):
    """Frames and changes that wait are no more than the reach allows."""
    many = 60
    frames = [pictures[i % 2] for i in range(many)]
    options = PhotoOptions()
    subject = fake([[transform(view(i % 2), FACE)] for i in range(many)])
    planner = Planner(Decider(subject.crop_protector, subject.estimator, options))
    for k, picture in enumerate(frames):
        rgb = picture.shown()
        planner.add(rgb, k / 25, subject.detector.detect(rgb))
    renderer = Renderer(planner.finish("all"), 0.8)
    given = 0

    def count():
        nonlocal given
        for picture in frames:
            given += 1
            yield picture

    for written, _ in enumerate(renderer(count()), 1):
        assert given - written <= REACH
        assert len(renderer._looks.get(0, ())) <= 2 * REACH + 1


def test_what_stands_in_for_the_face_is_not_averaged(portrait):
    """A blur over time would let the sharp face shine through."""
    still = [grey_picture(scene(portrait, view(0), noise=9.0, seed=i), i / 25) for i in range(9)]
    faces = [[transform(view(0), FACE)]] * 9

    def shown(method, frames):
        _, done, _ = run(frames, fake(faces, method), PhotoOptions(strength=1.0))
        return done[len(frames) // 2].planes[0].astype(int)

    class Averaged(Blur):
        replaces_face = False

    alone = shown(Blur(), still[4:5])
    np.testing.assert_array_equal(shown(Blur(), still), alone)
    assert np.abs(shown(Averaged(), still) - alone).max() > 257


def test_blend_is_the_weighted_mean_of_its_formula():
    rng = np.random.default_rng(0)
    light = [0.5, 0.5, 0.5, 0.56, 0.5, 0.5, 0.9, 0.5, 0.5, 0.5, 0.5]
    looks = {
        i: Look(np.full((56, 56), v, np.float32), rng.normal(0, 1, (224, 224)).astype(np.float16))
        for i, v in enumerate(light)
    }
    weights = {
        i: np.exp(-0.5 * (((i - 5) / SIGMA) ** 2 + ((v - light[5]) / TOLERANCE) ** 2))
        for i, v in enumerate(light)
        if abs(i - 5) <= REACH
    }
    expected = sum(w * looks[i].change.astype(float) for i, w in weights.items())
    np.testing.assert_allclose(blend(looks, 5), expected / sum(weights.values()), atol=2e-3)
    np.testing.assert_allclose(blend({5: looks[5]}, 5), looks[5].change)


def test_crossing_faces_that_the_detector_loses_keep_their_tracks(portrait, san):
    """The real detector; the portrait passes in front of its mirrored, darker copy."""
    person = portrait[20:220, 130:300]
    other = (0.6 * person[:, ::-1]).astype(np.uint8)
    planner = Planner(Decider(san.crop_protector, san.estimator, DEFAULT))
    lost = 0
    for k in range(45):
        frame = np.full((260, 640, 3), 100, np.uint8)
        frame[::20] = 70
        behind, front = 20 + 10 * k, 460 - 10 * k
        frame[30:230, behind : behind + 170] = other
        frame[20:220, front : front + 170] = person
        faces, _ = quick_look(san.detector, frame)
        planner.add(frame, k / 25, faces)
        lost += len(planner.tracker.tracks) == 2 and len(faces) == 1
    plan = planner.finish("all")
    first, second = plan.tracks
    assert lost > 3
    assert (len(first), len(second)) == (45, 45)
    assert first.table()[0, 0] < 200 < 400 < first.table()[-1, 0]
    assert second.table()[0, 0] > 400 > 200 > second.table()[-1, 0]
