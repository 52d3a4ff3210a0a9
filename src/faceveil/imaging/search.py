"""A thorough search for faces: at several scales, with a border, turned, brightened, and twice.

CenterFace finds faces of 24 to 400 pixels of what it is shown, and few outside. An upright face of
64 pixels scores 0.8 or more, most turned ones less, with landmarks that are wrong. So large photos
are also looked at in tiles, and what scores less than it should is cut out, brought to the size
that the network likes best, and looked at again: once as it lies, where that is plain, else first
in four orientations at half the size, side by side in one look, and then in those that look like a
face.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from faceveil.imaging.geometry import invert, transform
from faceveil.imaging.places import Place, distinct, mapped, once
from faceveil.imaging.pose import odd, pose, turned_back, turns_of
from faceveil.imaging.shrink import halved
from faceveil.types import Face, Float32Array, Float64Array, Uint8Array

Found = tuple[Float32Array, Float32Array, Float32Array]
"""Boxes (K, 4), landmarks (K, 5, 2) and scores (K,) in pixels of what was looked at."""

Network = Callable[[Uint8Array, float], Found]

LEAST = 0.1
"""Score above which a place is looked at again."""

CONFIRMED = 0.4
"""Score of a second look, at the best size, that makes a face of a doubtful place."""

MAYBE = 0.25
"""Score of a second look below which a doubtful place is no face."""

PLAIN = 0.8
"""Score of upright faces of a good size; below, they may be turned."""

LEANS = 18.0
"""Degrees from a quarter turn by which a face leans whose landmarks are looked for again."""

PLACES = 200
"""Places that are looked at again, by falling score; further ones stay what they are."""

SEEN = 0.2
"""Score of a small look, in any orientation, below which a doubtful place is no face: of 190 that
were faces one scored less."""

FINE = 0.44
"""Scale of the tiles: faces of 40 pixels of the photo have 18 in them."""

_TILE, _OVERLAP = 960, 128  # faces of more than 100 pixels of the photo are seen in the whole
_AGAIN, _SPAN = 80, 2.4  # pixels of a face that is looked at again, and sides of it in the cutting
_BORDERED, _WITHIN = 320, 176  # pixels of a small look with a border, and of the photo in it
# Pixels of a face outside of which landmarks are off by a tenth of the eye distance.
_SMALL, _LARGE = 36, 400
_DARK = 100.0  # luma that one pixel in a hundred exceeds
_FLAT = 24  # levels between the darkest and the lightest of a tile without a face
_ODD = 0.2  # by how much a face must score more to be believed with landmarks that fit none


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What a search saw.

    Attributes:
        faces: the faces, by falling score.
        doubtful: places that may be faces, by falling score.
    """

    faces: tuple[Face, ...]
    doubtful: tuple[Face, ...] = ()


class Search:
    """One search of one photo.

    Args:
        network: looks at a picture once.
        rgb: (H, W, 3) uint8 upright photo.
        small: the photo at the detector's size.
        threshold: score of a face at the first look.
    """

    def __init__(
        self, network: Network, rgb: Uint8Array, small: Uint8Array, threshold: float
    ) -> None:
        self.rgb, self.small, self.threshold = rgb, small, threshold
        self._network = network
        self._tone: tuple[float, float] | None = None
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[::2, ::2]
        count = np.cumsum(np.bincount(grey.ravel(), minlength=256))
        low, high = np.searchsorted(count, np.array([0.01, 0.99]) * grey.size)
        if high < _DARK and high - low >= 4:  # a flat picture has nothing to stretch
            self._tone = float(low), float(high)

    def run(self) -> Sight:
        """Look everywhere, and again where that left doubts."""
        large = max(self.rgb.shape[:2]) * FINE > max(self.small.shape[:2])
        first = self._whole(self.small)
        if large:
            first += self._tiles()
        if max(self.small.shape[:2]) >= 2 * _BORDERED:
            first += self._bordered()
        faces, doubtful = self._settled(distinct(first))
        if not faces:
            more = [*first, *self._bordered()]
            for turns in (1, 2, 3):
                more += self._whole(self.small, turns)
            faces, doubtful = self._settled(distinct(more), thorough=True)
        return Sight(_as_faces(faces), _as_faces(doubtful))

    def _look(self, picture: Uint8Array, turns: int = 0) -> list[Place]:
        """Places in pixels of the picture, which is turned so often by 90 degrees for the look."""
        if self._tone is not None:
            low, high = self._tone
            soft = cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32)
            picture = np.clip((soft - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        turned = np.ascontiguousarray(np.rot90(picture, turns))
        boxes, points, scores = self._network(turned, LEAST)
        places = []
        for i in once(boxes, scores):
            box, five, score = boxes[i], points[i], scores[i]
            corners = turned_back(box.reshape(2, 2), picture.shape[:2], turns, edge=0)
            own = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
            five = turned_back(five, picture.shape[:2], turns, edge=1)
            places.append(Place(own, five, float(score), float(np.max(own[2:] - own[:2]))))
        return places

    def _whole(self, picture: Uint8Array, turns: int = 0) -> list[Place]:
        back = np.array(self.rgb.shape[1::-1]) / picture.shape[1::-1]
        return [mapped(p, back, np.zeros(2)) for p in self._look(picture, turns)]

    def _tiles(self) -> list[Place]:
        """Parts of the photo at a finer scale, one after another: their size does not grow."""
        height, width = (max(1, round(side * FINE)) for side in self.rgb.shape[:2])
        fine = cv2.resize(
            halved(self.rgb, max(height, width))[0], (width, height), interpolation=cv2.INTER_AREA
        )
        back = np.array(self.rgb.shape[1::-1]) / (width, height)
        found = []
        for y, bottom in _spans(height):
            for x, right in _spans(width):
                part = np.asarray(fine[y:bottom, x:right], np.uint8)
                if self._tone is None and int(part.max()) - int(part.min()) < _FLAT:
                    continue  # paper, or the ground of a screenshot
                found += [mapped(p, back, np.array([x, y])) for p in self._look(part)]
        return found

    def _bordered(self) -> list[Place]:
        """The photo small, within a border: faces that fill it, or are larger than it."""
        scale = _WITHIN / max(self.small.shape[:2])
        width, height = (max(1, round(side * scale)) for side in self.small.shape[1::-1])
        picture = np.full((_BORDERED, _BORDERED, 3), 128, np.uint8)
        x, y = (_BORDERED - width) // 2, (_BORDERED - height) // 2
        inner = cv2.resize(self.small, (width, height), interpolation=cv2.INTER_AREA)
        picture[y : y + height, x : x + width] = inner
        back = np.array(self.rgb.shape[1::-1]) / (width, height)
        found = [mapped(p, back, np.array([-x, -y])) for p in self._look(picture)]
        shape = np.array(self.rgb.shape[1::-1])
        return [p for p in found if ((p.centre >= 0) & (p.centre <= shape)).all()]

    def _settled(
        self, places: list[Place], thorough: bool = False
    ) -> tuple[list[Place], list[Place]]:
        """Faces and what may be one, each looked at again where the first look left doubts."""
        faces, doubtful = [], []
        for number, place in enumerate(places):
            sure = place.score >= self.threshold
            coarse = place.seen < _SMALL and place.side > 1.2 * place.seen
            coarse = coarse or place.seen > _LARGE
            weak = place.score < PLAIN or odd(place.points) or abs(pose(place.points)[0]) > LEANS
            if number < PLACES and (coarse or weak):
                again = self._again(place, sure or thorough)
                # The strict and the lenient: a caller's own threshold above ours is kept to.
                least = max(CONFIRMED, self.threshold) if self.threshold > 0.5 else CONFIRMED
                if again is None:
                    doubtful += [place] if sure else []
                elif again.score >= least:
                    faces.append(again)
                elif sure or again.score >= MAYBE:
                    doubtful.append(again)
            else:
                (faces if sure else doubtful).append(place)
        faces = distinct(faces)
        return faces, distinct([*faces, *doubtful])[len(faces) :] if doubtful else []

    def _again(self, place: Place, sure: bool) -> Place | None:
        """The same place at the best size and in the orientation that looks most like a face."""
        side = max(place.side, 1.0)
        scale, count = _AGAIN / side, round(_AGAIN * _SPAN / 32) * 32
        corner = place.centre - count / scale / 2
        picture = self._cut(corner, scale, count)
        found: list[tuple[float, Place]] = []
        asked: list[int] = []

        def look(turns: int) -> bool:
            """Look in one orientation; whether that leaves no doubt."""
            asked.append(turns)
            best = max(self._in_middle(picture, turns), key=lambda p: p.score, default=None)
            if best is None:
                return False
            unlike = odd(best.points, turns)
            found.append((best.score - _ODD * unlike - 0.05 * (turns > 0), best))
            return best.score >= PLAIN and not unlike

        if not (sure and look(turns_of(place.points))):
            seen = self._seen(picture)
            likely = sorted(range(4), key=lambda t: -seen[t])
            for turns in [t for t in likely if seen[t] >= max(SEEN, seen.max() - 0.15)]:
                if turns not in asked and look(turns):
                    break
            if sure and 0 not in asked and not found:
                look(0)
        if not found:
            return None
        best = self._straightened(picture, max(found, key=lambda f: f[0])[1])
        moved = mapped(best, np.full(2, 1 / scale), corner * scale)
        return replace(moved, seen=best.seen)

    def _straightened(self, picture: Uint8Array, place: Place) -> Place:
        """The place with the landmarks that it has when it is turned upright by its own angle.

        The network is off by a sixth of the eye distance where a face leans by 45 degrees.
        """
        turned, _ = pose(place.points)
        if abs((turned + 45) % 90 - 45) < LEANS or place.score < MAYBE:
            return place
        middle = (picture.shape[0] - 1) / 2
        for angle in (turned, turned + 180):  # a face that leans far may look upside down
            map_ = cv2.getRotationMatrix2D((middle, middle), angle, 1)
            upright = cv2.warpAffine(picture, map_, picture.shape[1::-1])
            seen = self._in_middle(np.asarray(upright, np.uint8), 0)
            best = max(seen, key=lambda p: p.score, default=place)
            if best is not place and best.score >= place.score - 0.1 and not odd(best.points):
                points = transform(invert(np.asarray(map_, np.float64)), best.points)
                return replace(place, points=points, score=max(place.score, best.score))
        return place

    def _in_middle(self, picture: Uint8Array, turns: int) -> list[Place]:
        """What lies in the middle of a cutting and is as large as what was cut out."""
        middle = picture.shape[0] / 2
        return [
            p
            for p in self._look(picture, turns)
            if np.abs(p.centre - middle).max() < 0.5 * _AGAIN and 0.4 < p.side / _AGAIN < 2.5
        ]

    def _seen(self, picture: Uint8Array) -> Float64Array:
        """How much a cutting looks like a face in each orientation, (4,): one look at half size."""
        half = picture.shape[0] // 2
        small = cv2.resize(picture, (half, half), interpolation=cv2.INTER_AREA)
        rows = [[np.rot90(small, turns) for turns in pair] for pair in ((0, 1), (2, 3))]
        scores = np.zeros(4)
        for p in self._look(np.vstack([np.hstack(row) for row in rows])):
            column, row = (min(1, max(0, int(v // half))) for v in p.centre)
            off = np.abs(p.centre - (np.array([column, row]) + 0.5) * half).max()
            if off < 0.25 * _AGAIN and 0.4 < 2 * p.side / _AGAIN < 2.5:
                scores[2 * row + column] = max(scores[2 * row + column], p.score)
        return scores

    def _cut(self, corner: Float64Array, scale: float, count: int) -> Uint8Array:
        """A square of the photo, (count, count, 3), black beyond the photo."""
        low = np.floor(corner).astype(int)
        side = max(1, round(count / scale))
        height, width = self.rgb.shape[:2]
        x0, y0 = np.clip(low, 0, (width, height))
        x1, y1 = np.clip(low + side, 0, (width, height))
        part = self.rgb[y0:y1, x0:x1]
        picture = np.zeros((count, count, 3), np.uint8)
        if part.size:
            a, b = (np.array([(x0, y0), (x1, y1)]) - low) * count / side
            (left, top), (right, bottom) = np.rint(a).astype(int), np.rint(b).astype(int)
            if right > left and bottom > top:
                method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
                small = cv2.resize(part, (right - left, bottom - top), interpolation=method)
                picture[top:bottom, left:right] = small
        return picture


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end: as few as there may be, equal, and no larger than they must be."""
    count = 1 if length <= _TILE else -(-(length - _OVERLAP) // (_TILE - _OVERLAP))
    side = min(length, 32 * math.ceil((length + (count - 1) * _OVERLAP) / count / 32))
    for k in range(count):
        start = 0 if count == 1 else round(k * (length - side) / (count - 1))
        yield start, start + side


def _as_faces(places: list[Place]) -> tuple[Face, ...]:
    faces = []
    for p in sorted(places, key=lambda p: -p.score):
        if np.linalg.norm(p.points[1] - p.points[0]) >= 4.0:
            x0, y0, x1, y1 = p.box.tolist()
            faces.append(Face((x0, y0, x1, y1), p.points.astype(np.float32), p.score))
    return tuple(faces)
