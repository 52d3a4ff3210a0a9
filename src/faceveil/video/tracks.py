"""People in a clip: each one's face, frame after frame, without holes."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from faceveil.types import Face, Float32Array, Float64Array, Uint8Array
from faceveil.video.association import cost, greedy, looks
from faceveil.video.cuts import Cuts

MAX_GAP = 0.8
"""Seconds for which a face may be missed (somebody in front of it, a turned head, a blink of the
detector) and is still the same person's: longer than that, and whoever comes is somebody new."""

SWAY = 0.5
"""Share of the newest displacement in the velocity by which the next place is expected."""

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
        rows: 60 bytes a frame.
    """

    number: int
    start: int
    segment: int
    first: Face
    look: Float32Array
    rows: array[float] = field(default_factory=lambda: array("f"))
    velocity: Float32Array = field(default_factory=lambda: np.zeros(14, np.float32))
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

    def expected(self, seconds: float) -> list[tuple[Float32Array, list[float]]]:
        """Landmarks (5, 2) and box at a time after the last sight: moved on, or still there."""
        last = np.array(self.rows[-_ROW:-1], np.float32)
        places = (last + self.velocity * np.float32(seconds - self.seconds), last)
        return [(place[:10].reshape(5, 2), place[10:].tolist()) for place in places]

    def see(self, index: int, seconds: float, face: Face, look: Float32Array) -> None:
        """Add a sight; frames since the last one are filled by interpolation."""
        now = np.concatenate([face.landmarks.ravel(), face.box]).astype(np.float32)
        if self.rows:
            last, steps = np.array(self.rows[-_ROW:-1], np.float32), index - self.end + 1
            for k in range(1, steps):
                self.rows.extend((last + (now - last) * np.float32(k / steps)).tolist())
                self.rows.append(0.0)
            speed = (now - last) / np.float32(max(seconds - self.seconds, 1e-3))
            self.velocity = (SWAY * speed + (1 - SWAY) * self.velocity).astype(np.float32)
            mixed = (1 - RENEWAL) * self.look + RENEWAL * look
            self.look = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
        self.rows.extend(now.tolist())
        self.rows.append(1.0)
        self.seconds = seconds


class Tracker:
    """Follows the people of a clip; frames are given in order.

    Attributes:
        tracks: all people so far, in order of appearance.
        live: those who may still be seen again.
        times: seconds of each frame.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.live: list[Track] = []
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
            places = track.expected(seconds)
            for column, face in enumerate(faces):
                costs[row, column] = min(
                    cost(place, box, track.look, face, found[column]) for place, box in places
                )
        owner = {column: self.live[row] for row, column in greedy(costs)}
        for column in sorted(range(len(faces)), key=lambda c: faces[c].box[0]):
            if column not in owner:
                owner[column] = self._new(index, faces[column], found[column])
            owner[column].see(index, seconds, faces[column], found[column])
        return [(owner[column], face) for column, face in enumerate(faces)]

    def _new(self, index: int, face: Face, look: Float32Array) -> Track:
        track = Track(len(self.tracks), index, self.cuts.last, face, look)
        self.tracks.append(track)
        self.live.append(track)
        return track

    def time_of(self, start: int, end: int) -> Float64Array:
        """Seconds of the frames from ``start`` to before ``end``."""
        return np.array(self.times[start:end])
