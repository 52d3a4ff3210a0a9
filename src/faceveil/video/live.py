"""Frames of a stream, protected one by one as they come: nothing is known of what follows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.detect import face_numbers
from faceveil.imaging.geometry import canonical_from_landmarks, transform
from faceveil.imaging.paste import apply_patches, crop_patch
from faceveil.imaging.photo import from_rgb
from faceveil.protect.base import CropProtector
from faceveil.protect.change import change_of
from faceveil.protect.photo import PhotoOptions
from faceveil.systems.obscure import BlackBox
from faceveil.types import Face, Float32Array, Float64Array, Uint8Array
from faceveil.video.clip import ClipProtector
from faceveil.video.finding import quick_look
from faceveil.video.people import Decider, Person
from faceveil.video.plan import HIDDEN, OneEuro
from faceveil.video.render import REACH, Look, blend
from faceveil.video.tracks import Tracker, iou

SIGHTS = 5
"""Sights of a person before gender and target are decided; until then the face is black, so that
no frame shows it as it is."""

_KEEP = 10

_Made: TypeAlias = tuple[Uint8Array, Float32Array]


@dataclass(slots=True)
class _Known:
    """What is kept of a person: where, and the newest changes."""

    filter: OneEuro = field(default_factory=OneEuro)
    landmarks: Float32Array = field(default_factory=lambda: np.zeros((5, 2), np.float32))
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    seen: int = -1
    looks: dict[int, Look] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """A frame whose people are known, and whose faces are being protected.

    Attributes:
        index: of the frame.
        rgb: (H, W, 3) upright.
        work: for each face the person, the map to the crop, and what waits for the crop and its
            change.
    """

    index: int
    rgb: Uint8Array
    work: list[tuple[_Known, Person | None, Float64Array, Callable[[], _Made]]]


class Live:
    """Protects a stream.

    Memory does not grow with its length, but for 8 bytes a frame. Who is missed for up to 0.8 s is
    protected where they were last seen.

    Args:
        protector: method, estimator and detector.
        options: what to do; ``faces`` numbers count people in order of appearance.

    Raises:
        OptionError: if an option is not for streams.
    """

    def __init__(self, protector: ClipProtector, options: PhotoOptions) -> None:
        if options.aligned:
            raise OptionError("aligned: not for streams; leave it out")
        self._numbers = face_numbers(options.faces)
        self._detector, self._options = protector.detector, options
        method = protector.crop_protector
        aim = options.aim(method)
        sights = SIGHTS if aim.reads_gender else 1
        self._strength = aim.strength
        self._decider = Decider(
            protector.crop_protector, protector.estimator, options, sights=sights
        )
        self._tracker = Tracker()
        self._known: dict[int, _Known] = {}

    @property
    def people(self) -> int:
        """How many have been seen so far."""
        return self._tracker.count

    def __call__(self, rgb: Uint8Array, seconds: float) -> Uint8Array:
        """Protect the next frame.

        Args:
            rgb: (H, W, 3) upright; it is not changed itself.
            seconds: its time, after the last one's.

        Returns:
            (H, W, 3), equal outside of faces.
        """
        return self.finish(self.begin(rgb, seconds, self.detect(rgb)))

    def detect(self, rgb: Uint8Array) -> tuple[Face, ...]:
        """The faces of a frame; may run at any time, in any thread."""
        return quick_look(self._detector, rgb)[0]

    def begin(
        self,
        rgb: Uint8Array,
        seconds: float,
        faces: tuple[Face, ...],
        pool: ThreadPoolExecutor | None = None,
    ) -> Begun:
        """Take the next frame; frames are given in order, by one thread at a time.

        Args:
            rgb: (H, W, 3) upright.
            seconds: its time, after the last one's.
            faces: of it.
            pool: where the method runs in the meantime; in :meth:`finish` where None.
        """
        index = len(self._tracker.times)
        for track, face in self._tracker.add(seconds, rgb, faces):
            self._see(track.number, index, rgb, face, seconds)
        self._forget()
        work: list[tuple[_Known, Person | None, Float64Array, Callable[[], _Made]]] = []
        for number in self._chosen(index):
            known, person = self._known[number], self._decider.people.get(number)
            matrix = canonical_from_landmarks(known.landmarks)
            run: Callable[[], _Made] = partial(_made, rgb, matrix, known.landmarks, person)
            made = run if pool is None else pool.submit(run).result
            work.append((known, person, matrix, made))
        return Begun(index, rgb, work)

    def finish(self, begun: Begun) -> Uint8Array:
        """The protected frame; in the order of :meth:`begin`, by one thread, any thread."""
        if not begun.work:
            return begun.rgb
        patches = []
        for known, person, matrix, made in begun.work:
            change = self._change(begun.index, known, person, *made())
            patches.append(crop_patch(change, matrix, begun.rgb.shape))
        return np.asarray(apply_patches(from_rgb(begun.rgb), patches).pixels, np.uint8)

    def _see(self, number: int, index: int, rgb: Uint8Array, face: Face, seconds: float) -> None:
        known = self._known.setdefault(number, _Known())
        points = known.filter(face.landmarks.astype(np.float64), seconds)
        known.landmarks, known.box, known.seen = points.astype(np.float32), face.box, index
        self._decider.see(number, rgb, face)

    def _forget(self) -> None:
        live = {track.number for track in self._tracker.live}
        self._decider.forget(live)
        self._tracker.forget(_KEEP)
        for gone in [n for n in self._known if n not in live]:
            del self._known[gone]
        for gone in [n for n in self._decider.people if n not in live]:
            del self._decider.people[gone]

    def _chosen(self, index: int) -> list[int]:
        """Whom to protect: those whom the user wants, unless they are behind somebody."""
        seen = [k.box for k in self._known.values() if k.seen == index]
        here = [
            n
            for n, k in self._known.items()
            if k.seen == index or not any(iou(k.box, box) > HIDDEN for box in seen)
        ]
        if self._options.faces == "largest" and here:
            return [max(here, key=lambda n: _area(self._known[n].box))]
        if self._options.faces == "all":
            return here
        return [n for n in here if n in self._numbers]

    def _change(
        self,
        index: int,
        known: _Known,
        person: Person | None,
        crop: Uint8Array,
        change: Float32Array,
    ) -> Float32Array:
        if person is None:
            return change
        if not person.method.replaces_face:
            known.looks[index] = Look.of(crop, change)
            for old in [i for i in known.looks if i < index - REACH]:
                del known.looks[old]
            change = blend(known.looks, index)
        return np.asarray(change * np.float32(self._strength), np.float32)


def _made(
    rgb: Uint8Array, matrix: Float64Array, landmarks: Float32Array, person: Person | None
) -> _Made:
    """The face's crop, and what the method makes of it; black where nobody has decided yet."""
    crop, points = extract_crop(rgb, matrix), transform(matrix, landmarks)
    method: CropProtector = BlackBox() if person is None else person.method
    male = np.array([0.0 if person is None else person.male], np.float32)
    target = np.array([0.5 if person is None else person.target], np.float32)
    return crop, change_of(method, crop[None], male, target, points[None])[0]


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
