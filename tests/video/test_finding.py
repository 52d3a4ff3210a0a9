"""Faces in frames: searched whole now and then, and between that only near who is known."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from faceveil.imaging.detect import CenterFace
from faceveil.inference.device import Choice
from faceveil.types import Face
from faceveil.video.finding import EVERY, Cuts, find_faces, ways
from tests.video.scenes import scene, view

SIZE = (96, 64)


def frame(index: int, light: int = 0) -> np.ndarray:
    """A picture that holds its number, on a pattern by which shots are told apart."""
    rng = np.random.default_rng(light)
    small = rng.integers(0, 255, (4, 6, 1), dtype=np.uint8)
    rgb = np.kron(np.repeat(small, 3, axis=2), np.ones((16, 16, 1), np.uint8))
    rgb[0, 0] = index
    return rgb


class Told:
    """Knows who is in each frame, and keeps how it was asked."""

    def __init__(self, where):
        self.where, self.whole, self.near, self.lock = where, [], {}, threading.Lock()

    def faces(self, index):
        found = []
        for x, y in self.where(index):
            points = np.float32([(x + 3, y + 3), (x + 7, y + 3), (x + 5, y + 5), (x + 4, y + 7)])
            found.append(Face((x, y, x + 10, y + 10), np.vstack([points, points[:1]]), 0.9))
        return tuple(found)

    def detect(self, rgb):
        with self.lock:
            self.whole.append(int(rgb[0, 0, 0]))
        return self.faces(int(rgb[0, 0, 0]))

    def detect_loosely(self, rgb):
        return self.detect(rgb), ()

    def release(self):
        pass

    def detect_near(self, rgb, boxes):
        index = int(rgb[0, 0, 0])
        with self.lock:
            self.near[index] = boxes
        inside = []
        for face in self.faces(index):
            x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
            inside += [face] * any(a <= x <= c and b <= y <= d for a, b, c, d in boxes)
        return tuple(inside)


def run(detector, frames, workers=2):
    with ThreadPoolExecutor(workers) as pool:
        timed = ((rgb, i / 25) for i, rgb in enumerate(frames))
        return list(find_faces(timed, detector, pool, workers))


@pytest.mark.parametrize("enters", range(1, 9))
@pytest.mark.parametrize("leaves", range(10, 18))
def test_who_enters_or_leaves_between_searched_frames_is_found_in_each(enters, leaves):
    detector = Told(lambda i: [(20 + i, 30)] if enters <= i < leaves else [])
    found = run(detector, [frame(i) for i in range(20)])
    assert [len(faces) for _, _, faces in found] == [enters <= i < leaves for i in range(20)]
    assert [int(rgb[0, 0, 0]) for rgb, _, _ in found] == list(range(20))
    assert [seconds for _, seconds, _ in found] == [i / 25 for i in range(20)]


def test_every_third_frame_is_searched_and_the_ends_of_shots():
    detector = Told(lambda i: [(40, 20)])
    run(detector, [frame(i, light=i >= 8) for i in range(17)])
    assert sorted(detector.whole) == [0, EVERY, 2 * EVERY, 7, 8, 8 + EVERY, 8 + 2 * EVERY, 16]
    assert sorted(detector.near) == [1, 2, 4, 5, 9, 10, 12, 13, 15]


def test_nobody_is_looked_for_across_a_cut():
    detector = Told(lambda i: [(10, 10)] if i < 6 else [(70, 40)])
    run(detector, [frame(i, light=i >= 6) for i in range(12)])
    assert all(box[2] < 40 for i, boxes in detector.near.items() if i < 6 for box in boxes)
    assert all(box[0] > 40 for i, boxes in detector.near.items() if i > 6 for box in boxes)


def test_who_might_be_a_face_in_searched_frames_is_looked_for_in_the_others():
    class Doubtful(Told):
        def detect_loosely(self, rgb):
            self.detect(rgb)
            return (), self.faces(0)

    detector = Doubtful(lambda i: [(40, 20)])
    found = run(detector, [frame(i) for i in range(3 * EVERY + 1)])
    assert [len(faces) for _, _, faces in found] == [i % EVERY != 0 for i in range(3 * EVERY + 1)]


def test_a_detector_that_cannot_look_near_is_asked_every_time():
    class Plain:
        def __init__(self):
            self.count = 0

        def detect(self, rgb):
            self.count += 1
            return ()

    detector = Plain()
    assert len(run(detector, [frame(i) for i in range(9)], workers=1)) == 9
    assert detector.count == 9


def test_no_frames_and_an_error_of_the_detector():
    assert run(Told(lambda i: []), []) == []

    class Broken(Told):
        def detect(self, rgb):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(Broken(lambda i: []), [frame(i) for i in range(9)])


def test_ways_join_the_places_of_one_person_and_keep_others():
    (moved,) = ways([(0, 0, 10, 10)], [(6, 0, 16, 10)])
    assert moved == pytest.approx((-4.8, -4.8, 20.8, 14.8))  # 16 wide, 0.3 of it on each side
    (quick,) = ways([(0, 0, 10, 10)], [(29, 0, 39, 10)])
    assert (quick[0], quick[2]) == pytest.approx((-11.7, 50.7))
    assert len(ways([(0, 0, 10, 10)], [(50, 0, 60, 10)])) == 2
    assert len(ways([(0, 0, 10, 10)], [(0, 0, 30, 30)])) == 2
    first, second = ways([(0, 0, 10, 10), (30, 0, 40, 10)], [(28, 0, 38, 10), (2, 0, 12, 10)])
    assert (first[2], second[0]) == pytest.approx((15.6, 24.4))
    assert ways([], []) == []


def test_what_is_found_is_what_searching_every_frame_finds(portrait):
    detector = CenterFace(choice=Choice(threads=1))
    frames = [scene(portrait, view(i), noise=2.0, seed=i) for i in range(13)]
    one, three = run(detector, frames, workers=1), run(detector, frames, workers=3)
    for rgb, (_, _, some), (_, _, same) in zip(frames, one, three, strict=True):
        (whole,), (face,) = detector.detect(rgb), some
        np.testing.assert_allclose(face.landmarks, whole.landmarks, atol=0.5)  # eyes are 25 apart
        assert np.array_equal(face.landmarks, same[0].landmarks)


def test_a_cut_ends_tracks_and_a_flash_does_not():
    cuts = Cuts()
    noise = np.random.default_rng(0).integers(0, 200, (9, 16, 3), np.uint8)
    first, second = (np.kron(x, np.ones((10, 10, 1), np.uint8)) for x in (noise, noise[::-1]))
    flash = np.clip(first * 0.5 + 120, 0, 255).astype(np.uint8)
    black = np.zeros_like(first)
    assert [cuts.add(i, x) for i, x in enumerate((first, flash, first, second, second))] == [
        False, False, False, True, False,
    ]  # fmt: skip
    assert (cuts.shot_end(0, 5), cuts.shot_end(3, 5)) == (3, 5)
    assert not Cuts().add(0, black)
