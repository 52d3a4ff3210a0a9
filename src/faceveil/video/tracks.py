"""People in a clip: each one's face, frame after frame, without holes."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from faceveil.imaging.crop import extract_crop
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.types import Face, Float32Array, Float64Array, Uint8Array
from faceveil.video.finding import Cuts

MIN_IOU = 0.1
"""A face belongs to a person only if their boxes overlap by this much, or ..."""

MAX_DISTANCE = 1.0
"""... its landmarks lie within this many eye distances of where they are expected (of more, the
longer nobody was seen)."""

SPREAD = 4.0
"""Eye distances a second by which the expected place gets less certain while nobody is seen."""

MAX_SCALE = 2.0
"""Highest ratio of a face's eye distance to the person's, either way: half-covered faces are found
with eyes that are closer together."""

LOOKS = 2.0
"""Weight of looks against place: two faces that cross are told apart by their looks alone."""

MAX_COST = 3.0
"""Above it a face is somebody new: far off and of other looks."""

LOOK_SIZE = 24
"""Side in pixels of the small canonical crop that looks are compared by."""


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1), in [0, 1]."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / whole if whole > 0 else 0.0


def looks(rgb: Uint8Array, face: Face) -> Float32Array:
    """What a face looks like: (24 * 24 * 3,) of mean 0 and length 1.

    Args:
        rgb: (H, W, 3) upright frame.
        face: a face of it.
    """
    matrix = canonical_from_landmarks(face.landmarks, LOOK_SIZE)
    values = extract_crop(rgb, matrix, LOOK_SIZE).astype(np.float32).ravel()
    values -= values.mean()
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), np.float32)


def eye_distance(landmarks: Float32Array | Float64Array) -> float:
    """Distance of the eyes in pixels, at least 1."""
    return max(float(np.linalg.norm(landmarks[1] - landmarks[0])), 1.0)


def cost(
    expected: Float32Array,
    box: Sequence[float],
    size: float,
    away: float,
    look: Float32Array,
    face: Face,
    face_look: Float32Array,
) -> float:
    """How badly a face fits a person; infinite where it cannot be that person.

    Args:
        expected: (5, 2) where the person's landmarks should be now.
        box: where the person's box should be now.
        size: the person's eye distance in pixels.
        away: seconds since the person was seen.
        look: the person's looks.
        face: a face of this frame.
        face_look: its looks.
    """
    own, certain = eye_distance(face.landmarks), size * (1 + SPREAD * away)
    distance = float(np.linalg.norm(face.landmarks - expected, axis=1).mean()) / certain
    overlap = iou(box, face.box)
    if overlap < MIN_IOU and distance > MAX_DISTANCE:
        return np.inf
    if not 1 / MAX_SCALE < own / size < MAX_SCALE:
        return np.inf
    total = (1 - overlap) + distance + LOOKS * (1 - float(look @ face_look))
    return total if total <= MAX_COST else np.inf


def greedy(costs: Float64Array) -> list[tuple[int, int]]:
    """Pairs (row, column), the cheapest first, each row and column once; infinite ones never."""
    pairs: list[tuple[int, int]] = []
    left = costs.copy()
    while left.size and np.isfinite(left.min()):
        row, column = divmod(int(left.argmin()), left.shape[1])
        pairs.append((row, column))
        left[row], left[:, column] = np.inf, np.inf
    return pairs


MAX_GAP = 0.8
"""Seconds for which a face may be missed (somebody in front of it, a turned head, a blink of the
detector) and is still the same person's: longer than that, and whoever comes is somebody new."""

SWAY = 0.2
"""Share of the newest displacement in the velocity by which the next place is expected, and of the
newest size in a person's: the last sights before somebody is covered are of half a face."""

RENEWAL = 0.1
"""Share of the newest frame in a person's looks: light and pose change slowly."""

_ROW = 15  # landmarks (10), box (4), 1 if the detector saw it, 0 if interpolated


@dataclass(slots=True, eq=False)
class Track:
    """One person from first to last sight.

    Attributes:
        number: order of appearance, from 0; left to right within a frame.
        start: first frame.
        segment: first frame of the shot that it is in.
        first: the face as first seen.
        look: what the person looks like, slowly renewed.
        rows: 60 bytes a frame.
        velocity: (2,) pixels a second, of the last sights.
        size: eye distance in pixels, of the last sights.
        seconds: time of the last sight.
    """

    number: int
    start: int
    segment: int
    first: Face
    look: Float32Array
    rows: array[float] = field(default_factory=lambda: array("f"))
    velocity: Float32Array = field(default_factory=lambda: np.zeros(2, np.float32))
    size: float = 0.0
    seconds: float = 0.0

    def __len__(self) -> int:
        """Frames from first to last sight."""
        return len(self.rows) // _ROW

    @property
    def end(self) -> int:
        """The frame after the last sight."""
        return self.start + len(self)

    def table(self) -> Float32Array:
        """(frames, 15): landmarks, box, seen."""
        return np.frombuffer(self.rows, np.float32).reshape(-1, _ROW)

    def cost(self, seconds: float, face: Face, look: Float32Array) -> float:
        """How badly a face fits: where the person would be by now, or is still."""
        last = np.array(self.rows[-_ROW:-1], np.float32).reshape(7, 2)
        away = seconds - self.seconds
        places = (last + self.velocity * np.float32(away), last)
        return min(
            cost(p[:5], p[5:].ravel().tolist(), self.size, away, self.look, face, look)
            for p in places
        )

    def see(self, index: int, seconds: float, face: Face, look: Float32Array) -> None:
        """Add a sight; frames since the last one are filled by interpolation."""
        now = np.concatenate([face.landmarks.ravel(), face.box]).astype(np.float32)
        if self.rows:
            last, steps = np.array(self.rows[-_ROW:-1], np.float32), index - self.end + 1
            for k in range(1, steps):
                self.rows.extend((last + (now - last) * np.float32(k / steps)).tolist())
                self.rows.append(0.0)
            moved = (now - last)[:10].reshape(5, 2).mean(axis=0)
            speed = moved / np.float32(max(seconds - self.seconds, 1e-3))
            share = max(SWAY, 1 / len(self))  # of few sights the mean
            self.velocity = (share * speed + (1 - share) * self.velocity).astype(np.float32)
            self.size += share * (eye_distance(face.landmarks) - self.size)
            mixed = (1 - RENEWAL) * self.look + RENEWAL * look
            self.look = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
        else:
            self.size = eye_distance(face.landmarks)
        self.rows.extend(now.tolist())
        self.rows.append(1.0)
        self.seconds = seconds


class Tracker:
    """Follows the people of a clip; frames are given in order.

    Attributes:
        tracks: all people so far, in order of appearance.
        live: those who may still be seen again.
        count: of all people so far.
        times: seconds of each frame.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.live: list[Track] = []
        self.count = 0
        self.cuts = Cuts()
        self.times = array("d")

    def add(
        self, seconds: float, rgb: Uint8Array, faces: tuple[Face, ...]
    ) -> list[tuple[Track, Face]]:
        """Take the next frame.

        Args:
            seconds: its time, not before the last one's.
            rgb: (H, W, 3) upright.
            faces: what the detector found.

        Returns:
            Each face with its person.
        """
        index = len(self.times)
        self.times.append(seconds)
        if self.cuts.add(index, rgb):
            self.live = []  # whoever is there after a cut may be somebody else
        self.live = [t for t in self.live if seconds - t.seconds <= MAX_GAP]
        found = [looks(rgb, face) for face in faces]
        costs = np.full((len(self.live), len(faces)), np.inf)
        for row, track in enumerate(self.live):
            for column, face in enumerate(faces):
                costs[row, column] = track.cost(seconds, face, found[column])
        owner = {column: self.live[row] for row, column in greedy(costs)}
        for column in sorted(range(len(faces)), key=lambda c: faces[c].box[0]):
            if column not in owner:
                owner[column] = self._new(index, faces[column], found[column])
            owner[column].see(index, seconds, faces[column], found[column])
        return [(owner[column], face) for column, face in enumerate(faces)]

    def _new(self, index: int, face: Face, look: Float32Array) -> Track:
        track = Track(self.count, index, self.cuts.last, face, look)
        self.count += 1
        self.tracks.append(track)
        self.live.append(track)
        return track

    def forget(self, keep: int) -> None:
        """Let go what a stream without an end needs no more.

        Args:
            keep: newest sights of each live person that stay, at least 1.
        """
        live = {track.number for track in self.live}
        self.tracks = [t for t in self.tracks if t.number in live]
        for track in self.tracks:
            extra = max(len(track) - keep, 0)
            track.start += extra
            del track.rows[: extra * _ROW]

    def time_of(self, start: int, end: int) -> Float64Array:
        """Seconds of the frames from ``start`` to before ``end``."""
        return np.array(self.times[start:end])
