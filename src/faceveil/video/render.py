"""The second pass: frames in, protected frames out, a few frames later."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import numpy as np

from faceveil.imaging.crop import extract_crop
from faceveil.imaging.geometry import compose, transform
from faceveil.imaging.paste import Patch, crop_patch
from faceveil.protectors.change import change_of
from faceveil.types import Float32Array
from faceveil.video.blend import REACH, Look, blend
from faceveil.video.people import Person
from faceveil.video.picture import Picture, apply_to_planes
from faceveil.video.plan import Placement, Plan


class Renderer:
    """Protects the frames of a clip.

    Holds ``REACH + 1`` frames and, for each face in them, ``2 REACH + 1`` changes.

    Args:
        plan: who is where.
        strength: 0 leaves frames as they are, 1 is the full change.

    Attributes:
        mean_change: of each person so far, the mean over frames of the mean absolute change over
            the canonical crop, of 1.
    """

    def __init__(self, plan: Plan, strength: float) -> None:
        self.plan, self.strength = plan, strength
        self._waiting: deque[tuple[int, Picture, list[Placement]]] = deque()
        self._looks: dict[int, dict[int, Look]] = defaultdict(dict)
        self._sums: dict[int, tuple[float, int]] = {}

    @property
    def mean_change(self) -> dict[int, float]:
        """Mean absolute change of each person's face, by number."""
        return {n: total / count for n, (total, count) in self._sums.items()}

    def __call__(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Protect all frames of the clip, in order."""
        for index, picture in enumerate(pictures):
            placements = self.plan.at(index)
            for placement in placements:
                self._look(index, picture, placement)
            self._waiting.append((index, picture, placements))
            if len(self._waiting) > REACH:
                yield self._next()
        while self._waiting:
            yield self._next()

    def _look(self, index: int, picture: Picture, placement: Placement) -> None:
        """What the method makes of a face in a frame."""
        matrix = compose(placement.matrix, picture.upright)
        crop = extract_crop(picture.rgb, matrix)
        points = transform(placement.matrix, placement.landmarks)
        person = self.plan.people[placement.number]
        male = np.array([person.male], np.float32)
        target = np.array([person.target], np.float32)
        change = change_of(person.method, crop[None], male, target, points[None])[0]
        self._looks[placement.number][index] = Look.of(crop, change)

    def _next(self) -> Picture:
        index, picture, placements = self._waiting.popleft()
        patches = [self._patch(index, picture, placement) for placement in placements]
        for number in list(self._looks):
            looks = self._looks[number]
            for old in [i for i in looks if i < index + 1 - REACH]:
                del looks[old]
            if not looks:
                del self._looks[number]
        return apply_to_planes(picture, patches) if patches else picture

    def _patch(self, index: int, picture: Picture, placement: Placement) -> Patch:
        person, looks = self.plan.people[placement.number], self._looks[placement.number]
        change = self._change(person, looks, index) * np.float32(self.strength * placement.weight)
        total, count = self._sums.get(placement.number, (0.0, 0))
        self._sums[placement.number] = (total + float(np.abs(change).mean()), count + 1)
        return crop_patch(change, compose(placement.matrix, picture.upright), picture.rgb.shape)

    def _change(self, person: Person, looks: dict[int, Look], index: int) -> Float32Array:
        if getattr(person.method, "steady", False):
            return looks[index].change.astype(np.float32)
        return blend(looks, index)
