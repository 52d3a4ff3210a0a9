"""Who is where in each frame: what the second pass over a clip works from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.detect import face_numbers
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.types import Face, Float32Array, Float64Array, Uint8Array
from faceveil.video.people import Decider, Person
from faceveil.video.tracks import Track, Tracker, eye_distance, iou

MIN_CUTOFF = 0.5
"""Cut-off frequency in Hz of a face that keeps still: the detector's jitter lies above it."""

BETA = 1.0
"""Rise of the cut-off in Hz for each eye distance a second at which the face moves."""

SPEED_CUTOFF = 1.0
"""Cut-off frequency in Hz of the speed itself."""


class OneEuro:
    """The one-euro filter (Casiez, Roussel and Vogel, CHI 2012) of a face's landmarks.

    A low pass whose cut-off rises with the speed of the face: steady where the face is still,
    quick where it moves. The speed is one for all points, so that the face keeps its shape.
    """

    def __init__(self) -> None:
        self._value: Float64Array | None = None
        self._raw: Float64Array | None = None
        self._velocity: Float64Array | None = None
        self._seconds = 0.0

    def __call__(self, landmarks: Float64Array, seconds: float) -> Float64Array:
        """Filter the next landmarks, (5, 2) in pixels, at a time in seconds."""
        if self._value is None or self._raw is None or self._velocity is None:
            self._velocity = np.zeros_like(landmarks)
            self._value = self._raw = landmarks
            self._seconds = seconds
            return landmarks
        step = max(abs(seconds - self._seconds), 1e-3)
        share = _share(SPEED_CUTOFF, step)
        newest = (landmarks - self._raw) / step
        self._velocity = share * newest + (1 - share) * self._velocity
        # Of the mean over the points: jitter of single points is no motion of the face.
        speed = float(np.linalg.norm(self._velocity.mean(axis=0))) / eye_distance(self._value)
        share = _share(MIN_CUTOFF + BETA * speed, step)
        self._value = share * landmarks + (1 - share) * self._value
        self._raw, self._seconds = landmarks, seconds
        return self._value


def _share(cutoff: float, step: float) -> float:
    """Share of the newest value in a first-order low pass."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * step))


def smooth_landmarks(landmarks: Float32Array, seconds: Float64Array) -> Float32Array:
    """Smooth a whole track, in both directions.

    The filter run forwards lags behind a moving face, run backwards it is as much ahead: their
    mean does neither.

    Args:
        landmarks: (T, 5, 2) in pixels.
        seconds: (T,) rising.

    Returns:
        (T, 5, 2) float32.
    """
    points, count = landmarks.astype(np.float64), len(landmarks)
    out = np.zeros_like(points)
    for order in (range(count), range(count - 1, -1, -1)):
        one_euro = OneEuro()
        for i in order:
            out[i] += one_euro(points[i], float(seconds[i])) / 2
    return out.astype(np.float32)


FADE = 4
"""Frames before the first and after the last sight in which the change rises and fades: the
detector is late by some frames, and a change that is there at once is a flash."""

HIDDEN = 0.3
"""A face that was not seen is behind one that was if their boxes overlap by this (IoU)."""


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A person's face in a frame.

    Attributes:
        number: the person.
        landmarks: (5, 2) smoothed, in pixels of the upright frame.
        matrix: (2, 3) map from the upright frame to the canonical crop.
        weight: 1 within the track, less where it fades.
    """

    number: int
    landmarks: Float32Array
    matrix: Float64Array
    weight: float


class Planner:
    """The first pass: looks at all frames in order.

    Args:
        decider: decides for each person.
    """

    def __init__(self, decider: Decider) -> None:
        self.decider, self.tracker = decider, Tracker()

    def add(self, rgb: Uint8Array, seconds: float, faces: tuple[Face, ...]) -> None:
        """Take the next frame.

        Args:
            rgb: (H, W, 3) upright.
            seconds: its time.
            faces: of it.
        """
        for track, face in self.tracker.add(seconds, rgb, faces):
            self.decider.see(track.number, rgb, face)
        self.decider.forget({track.number for track in self.tracker.live})

    def finish(self, faces: str) -> Plan:
        """The plan.

        Args:
            faces: ``all``, ``largest`` (who takes most room over the clip), or numbers such as
                ``0,2`` in order of appearance.

        Raises:
            OptionError: if ``faces`` is none of these, or names somebody who is not there.
        """
        self.decider.forget(set())
        tracks = self.tracker.tracks
        room = [float(np.prod(t.table()[:, 12:14] - t.table()[:, 10:12], 1).sum()) for t in tracks]
        chosen = choose_people(faces, room)
        return Plan(self.tracker, self.decider.people, chosen)


class Plan:
    """Who is where.

    Attributes:
        people: decisions by number.
        chosen: numbers of those who are protected.
        frames: frames of the clip.
    """

    def __init__(self, tracker: Tracker, people: dict[int, Person], chosen: frozenset[int]) -> None:
        self.tracks, self.people, self.chosen = tracker.tracks, people, chosen
        self.frames = len(tracker.times)
        self._tracker = tracker
        self._pending = sorted(self.tracks, key=lambda t: t.start, reverse=True)
        self._active: dict[int, tuple[Track, Float32Array]] = {}

    def span(self, number: int) -> tuple[float, float]:
        """Seconds of the first and the last sight of a person."""
        track, times = self.tracks[number], self._tracker.times
        return times[track.start], times[track.end - 1]

    def at(self, index: int) -> list[Placement]:
        """Who is in a frame; frames are asked for in order, each once."""
        while self._pending and self._pending[-1].start - FADE <= index:
            track = self._pending.pop()
            points = track.table()[:, :10].reshape(-1, 5, 2)
            times = self._tracker.time_of(track.start, track.end)
            self._active[track.number] = (track, smooth_landmarks(points, times))
        for number in [n for n, (t, _) in self._active.items() if t.end + FADE <= index]:
            del self._active[number]
        here = [(t, p, self._weight(t, index)) for t, p in self._active.values()]
        rows = {t.number: _row(t, index) for t, _, weight in here if weight}
        boxes = {n: row[10:14].tolist() for n, row in rows.items()}
        seen = {n: boxes[n] for n, row in rows.items() if row[14] and self._inside(n, index)}
        found = []
        for track, points, weight in here:
            n = track.number
            if not weight or n not in self.chosen:
                continue
            if n not in seen and any(iou(boxes[n], other) > HIDDEN for other in seen.values()):
                continue
            own = points[int(np.clip(index - track.start, 0, len(track) - 1))]
            found.append(Placement(n, own, canonical_from_landmarks(own), weight))
        return found

    def _inside(self, number: int, index: int) -> bool:
        track = self.tracks[number]
        return track.start <= index < track.end

    def _weight(self, track: Track, index: int) -> float:
        """1 between first and last sight, falling to 0 within the shot around them."""
        outside = max(track.start - index, index - track.end + 1, 0)
        shot_end = self._tracker.cuts.shot_end(track.segment, self.frames)
        if index < track.segment or index >= shot_end:
            return 0.0
        return max(0.0, 1 - outside / (FADE + 1))


def choose_people(which: str, room: list[float]) -> frozenset[int]:
    """Numbers of those whom the user wants.

    Args:
        which: ``all``, ``largest``, or numbers such as ``0,2`` in order of appearance.
        room: how much room each person takes.

    Raises:
        OptionError: if ``which`` is none of these, or names somebody who is not there.
    """
    numbers = face_numbers(which)
    if which == "all" or not room:
        return frozenset(range(len(room)))
    if which == "largest":
        return frozenset({int(np.argmax(room))})
    if numbers[-1] >= len(room):
        raise OptionError(
            f"faces: got {which!r}, the clip has {len(room)}; expected numbers from 0 to "
            f"{len(room) - 1}, in order of appearance"
        )
    return frozenset(numbers)


def _row(track: Track, index: int) -> Float32Array:
    row: Float32Array = track.table()[int(np.clip(index - track.start, 0, len(track) - 1))]
    return row
