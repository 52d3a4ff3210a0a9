"""Who is who: association and gaps."""

import numpy as np
import pytest

from faceveil.types import Face
from faceveil.video.tracks import MAX_GAP, Tracker, greedy, iou
from tests.protect.fakes import LANDMARKS

TEXTURES = [np.random.default_rng(s).integers(0, 255, (90, 70, 3), np.uint8) for s in (1, 2)]


def face_at(x, y=60.0, scale=1.0):
    points = (LANDMARKS - LANDMARKS[0]) * scale + (x, y)
    box = (x - 20 * scale, y - 30 * scale, x + 50 * scale, y + 60 * scale)
    return Face(box, points.astype(np.float32), 0.9)


def frame_of(places, width=600):
    """A frame in which face i, drawn in that order, has a texture of its own."""
    rgb = np.full((200, width, 3), 110, np.uint8)
    rgb[:, ::40] = 60
    for i, x in places:
        left = int(x) - 20
        rgb[30:120, left : left + 70] = TEXTURES[i]
    return rgb


def follow(frames, fps=25.0):
    """Numbers of the tracks of each frame's faces; frames are (places, seen)."""
    tracker = Tracker()
    out = []
    for k, (places, seen) in enumerate(frames):
        faces = tuple(face_at(x) for i, x in places if i in seen)
        pairs = tracker.add(k / fps, frame_of(places), faces)
        out.append([track.number for track, _ in pairs])
    return tracker, out


def test_iou_by_counting_pixels():
    grid = np.zeros((2, 20, 20), bool)
    grid[0, 2:12, 3:9] = True
    grid[1, 5:15, 6:18] = True
    expected = (grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum()
    assert iou((3, 2, 9, 12), (6, 5, 18, 15)) == pytest.approx(expected)
    assert iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0


def test_greedy_takes_the_cheapest_first():
    costs = np.array([[1.0, 0.5, np.inf], [0.7, 0.6, np.inf]])
    assert greedy(costs) == [(0, 1), (1, 0)]
    assert greedy(np.full((2, 0), np.inf)) == []


def test_crossing_faces_keep_their_tracks():
    """They pass each other; the one behind is not seen for six frames."""
    frames = []
    for k in range(40):
        a, b = 80 + 10 * k, 480 - 10 * k
        hidden = abs(a - b) < 60
        frames.append((((1, b), (0, a)), {0} if hidden else {0, 1}))
    tracker, numbers = follow(frames)
    assert len(tracker.tracks) == 2
    whole = [n for n in numbers if len(n) == 2]
    assert len({tuple(n) for n in whole}) == 1  # face 1 is listed first, always the same number
    assert [len(t) for t in tracker.tracks] == [40, 40]


def test_faces_that_turn_back_are_told_apart_by_looks():
    """Both stop where they meet and go back: the guess by motion alone would be wrong."""
    frames = []
    for k in range(41):
        gap = 4 * abs(20 - k)
        places = ((1, 300 + gap), (0, 290 - gap))
        frames.append((places, {0} if gap < 30 else {0, 1}))
    tracker, numbers = follow(frames)
    assert len(tracker.tracks) == 2
    assert len({tuple(n) for n in numbers if len(n) == 2}) == 1


def test_gaps_are_interpolated_and_long_ones_end_a_track():
    seen = [((((0, 100 + 4 * k)),), set() if 5 <= k < 9 else {0}) for k in range(15)]
    tracker, _ = follow(seen)
    (track,) = tracker.tracks
    table = track.table()
    np.testing.assert_allclose(table[:, 0], 100 + 4 * np.arange(15), atol=1e-3)
    assert table[:, 14].tolist() == [1.0] * 5 + [0.0] * 4 + [1.0] * 6
    away = int(MAX_GAP * 25) + 2
    frames = [(((0, 100),), set() if 5 <= k < 5 + away else {0}) for k in range(10 + away)]
    assert len(follow(frames)[0].tracks) == 2
