"""Who is where in each frame: what the second pass over a clip works from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.detect import face_numbers
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.types import Face, Float32Array, Float64Array, Uint8Array
from faceveil.video.association import iou
from faceveil.video.people import Decider, Person
from faceveil.video.smooth import smooth_landmarks
from faceveil.video.tracks import Track, Tracker

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
