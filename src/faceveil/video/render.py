"""The second pass: frames in, protected frames out, each face's change averaged over neighbours."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.imaging.crop import extract_crop, luma
from faceveil.imaging.geometry import CROP_SIZE, compose, transform
from faceveil.imaging.paste import Patch, crop_patch
from faceveil.protect.change import change_of
from faceveil.types import Float32Array, Uint8Array
from faceveil.video.people import Person
from faceveil.video.picture import Picture, apply_to_planes
from faceveil.video.plan import Placement, Plan

REACH = 4
"""Frames on either side that a change is averaged over, and that writing is behind reading."""

SIGMA = 2.0
"""Standard deviation in frames of the average's weights."""

TOLERANCE = 0.05
"""Difference of luma, of 1, at which another frame's change counts 0.6 as much: noise of the camera
lies below, a mouth that opens above."""

_SMALL = 56


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A face in one frame.

    Attributes:
        small: (56, 56) luma in [0, 1], to see where the face is the same.
        change: (224, 224) or (224, 224, 3) at full strength; half precision, since many are kept.
    """

    small: Float32Array
    change: NDArray[np.float16]

    @classmethod
    def of(cls, crop: Uint8Array, change: Float32Array) -> Look:
        """From the crop, (224, 224, 3) uint8, and its change."""
        small = cv2.resize(crop, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
        return cls(luma(np.asarray(small, np.uint8)), change.astype(np.float16))


def blend(looks: Mapping[int, Look], index: int) -> Float32Array:
    """The change of a frame, averaged over up to ``REACH`` frames on either side.

    With d the frames between and e the difference of luma in a place, another frame counts
    exp(-d^2 / 2 SIGMA^2 - e^2 / 2 TOLERANCE^2) there: past and future alike, so nothing lags,
    and not where the face has moved, so that nothing is smeared.

    Args:
        looks: the face by frame, ``index`` among them; frames further away are passed over.
        index: the frame.

    Returns:
        The shape of the changes, float32.
    """
    own = looks[index]
    change = own.change.astype(np.float32)
    total, weights = change, np.ones((_SMALL, _SMALL), np.float32)
    parts: list[tuple[Float32Array, Look]] = []
    for near, look in looks.items():
        steps = near - index
        if near == index or abs(steps) > REACH:
            continue
        exponent = (steps / SIGMA) ** 2 + ((look.small - own.small) / TOLERANCE) ** 2
        weight = np.exp(-exponent / 2).astype(np.float32)
        weights = weights + weight
        parts.append((weight, look))
    for weight, look in parts:
        share = cv2.resize(weight / weights, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)
        share = share if change.ndim == 2 else share[..., None]
        # The frame's own share is what the others leave, so the shares add up to 1 everywhere.
        total = total + share * (look.change.astype(np.float32) - change)
    return np.asarray(total, np.float32)


class Renderer:
    """Protects the frames of a clip.

    A context manager. Holds ``REACH + 1`` frames and two more for each worker beyond the first, and
    for each face in them a change, besides those of the last ``REACH`` frames.

    Args:
        plan: who is where.
        strength: 0 leaves frames as they are, 1 is the full change.
        workers: faces that the method sees at the same time.

    Attributes:
        mean_change: of each person so far, the mean over frames of the mean absolute change over
            the canonical crop, of 1.
    """

    def __init__(self, plan: Plan, strength: float, workers: int = 1) -> None:
        self.plan, self.strength, self.workers = plan, strength, workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="faceveil")
        self._waiting: deque[tuple[int, Picture, list[Placement]]] = deque()
        self._looks: dict[int, dict[int, Future[Look]]] = defaultdict(dict)
        self._sums: dict[int, tuple[float, int]] = {}

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def mean_change(self) -> dict[int, float]:
        """Mean absolute change of each person's face, by number."""
        return {n: total / count for n, (total, count) in self._sums.items()}

    def __call__(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Protect all frames of the clip, in order."""
        for index, picture in enumerate(pictures):
            placements = self.plan.at(index)
            for placement in placements:
                look = self._pool.submit(self._look, picture, placement)
                self._looks[placement.number][index] = look
            self._waiting.append((index, picture, placements))
            if len(self._waiting) > REACH + 2 * (self.workers - 1):
                yield self._next()
        while self._waiting:
            yield self._next()

    def _look(self, picture: Picture, placement: Placement) -> Look:
        """What the method makes of a face in a frame."""
        matrix = compose(placement.matrix, picture.upright)
        crop = extract_crop(picture.rgb, matrix)
        points = transform(placement.matrix, placement.landmarks)
        person = self.plan.people[placement.number]
        male = np.array([person.male], np.float32)
        target = np.array([person.target], np.float32)
        change = change_of(person.method, crop[None], male, target, points[None])[0]
        return Look.of(crop, change)

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
        person, asked = self.plan.people[placement.number], self._looks[placement.number]
        looks = {i: look.result() for i, look in asked.items() if i <= index + REACH}
        change = self._change(person, looks, index) * np.float32(self.strength * placement.weight)
        total, count = self._sums.get(placement.number, (0.0, 0))
        self._sums[placement.number] = (total + float(np.abs(change).mean()), count + 1)
        return crop_patch(change, compose(placement.matrix, picture.upright), picture.rgb.shape)

    def _change(self, person: Person, looks: dict[int, Look], index: int) -> Float32Array:
        if person.method.replaces_face:
            return looks[index].change.astype(np.float32)
        return blend(looks, index)
