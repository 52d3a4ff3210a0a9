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

from faceveil.imaging.geometry import canonical_template
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
_LEAST_SIDE = 9.0  # pixels of the photo; the eyes of a smaller face are closer than 4
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


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    box: Float64Array
    points: Float64Array
    score: float
    seen: float
    """Its longer side in pixels of what was looked at."""

    @property
    def side(self) -> float:
        return float(np.max(self.box[2:] - self.box[:2]))

    @property
    def centre(self) -> Float64Array:
        return (self.box[:2] + self.box[2:]) / 2


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
        faces, doubtful = self._settled(_distinct(first))
        if not faces:
            more = [*first, *self._bordered()]
            for turns in (1, 2, 3):
                more += self._whole(self.small, turns)
            faces, doubtful = self._settled(_distinct(more), thorough=True)
        return Sight(_as_faces(faces), _as_faces(doubtful))

    def _look(self, picture: Uint8Array, turns: int = 0) -> list[_Place]:
        """Places in pixels of the picture, which is turned so often by 90 degrees for the look."""
        if self._tone is not None:
            low, high = self._tone
            soft = cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32)
            picture = np.clip((soft - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        turned = np.ascontiguousarray(np.rot90(picture, turns))
        boxes, points, scores = self._network(turned, LEAST)
        places = []
        for i in _once(boxes, scores):
            box, five, score = boxes[i], points[i], scores[i]
            corners = turned_back(box.reshape(2, 2), picture.shape[:2], turns, edge=0)
            own = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
            five = turned_back(five, picture.shape[:2], turns, edge=1)
            places.append(_Place(own, five, float(score), float(np.max(own[2:] - own[:2]))))
        return places

    def _whole(self, picture: Uint8Array, turns: int = 0) -> list[_Place]:
        back = np.array(self.rgb.shape[1::-1]) / picture.shape[1::-1]
        return [_mapped(p, back, np.zeros(2)) for p in self._look(picture, turns)]

    def _tiles(self) -> list[_Place]:
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
                found += [_mapped(p, back, np.array([x, y])) for p in self._look(part)]
        return found

    def _bordered(self) -> list[_Place]:
        """The photo small, within a border: faces that fill it, or are larger than it."""
        scale = _WITHIN / max(self.small.shape[:2])
        width, height = (max(1, round(side * scale)) for side in self.small.shape[1::-1])
        picture = np.full((_BORDERED, _BORDERED, 3), 128, np.uint8)
        x, y = (_BORDERED - width) // 2, (_BORDERED - height) // 2
        inner = cv2.resize(self.small, (width, height), interpolation=cv2.INTER_AREA)
        picture[y : y + height, x : x + width] = inner
        back = np.array(self.rgb.shape[1::-1]) / (width, height)
        found = [_mapped(p, back, np.array([-x, -y])) for p in self._look(picture)]
        shape = np.array(self.rgb.shape[1::-1])
        return [p for p in found if ((p.centre >= 0) & (p.centre <= shape)).all()]

    def _settled(
        self, places: list[_Place], thorough: bool = False
    ) -> tuple[list[_Place], list[_Place]]:
        """Faces and what may be one, each looked at again where the first look left doubts."""
        faces, doubtful = [], []
        for number, place in enumerate(places):
            sure = place.score >= self.threshold
            coarse = place.seen < _SMALL and place.side > 1.2 * place.seen
            coarse = coarse or place.seen > _LARGE
            if number < PLACES and (coarse or place.score < PLAIN or odd(place.points)):
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
        faces = _distinct(faces)
        return faces, _distinct([*faces, *doubtful])[len(faces) :] if doubtful else []

    def _again(self, place: _Place, sure: bool) -> _Place | None:
        """The same place at the best size and in the orientation that looks most like a face."""
        side = max(place.side, 1.0)
        scale, count = _AGAIN / side, round(_AGAIN * _SPAN / 32) * 32
        corner = place.centre - count / scale / 2
        picture = self._cut(corner, scale, count)
        found: list[tuple[float, _Place]] = []
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

        if not (sure and look(_turns(place.points))):
            seen = self._seen(picture)
            likely = sorted(range(4), key=lambda t: -seen[t])
            for turns in [t for t in likely if seen[t] >= max(SEEN, seen.max() - 0.15)]:
                if turns not in asked and look(turns):
                    break
            if sure and 0 not in asked and not found:
                look(0)
        if not found:
            return None
        best = max(found, key=lambda f: f[0])[1]
        moved = _mapped(best, np.full(2, 1 / scale), corner * scale)
        return replace(moved, seen=best.seen)

    def _in_middle(self, picture: Uint8Array, turns: int) -> list[_Place]:
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


def turned_back(
    points: Float32Array | Float64Array, shape: tuple[int, int], turns: int, edge: int
) -> Float64Array:
    """Points of ``np.rot90(picture, turns)`` in the picture.

    Args:
        points: (N, 2) x and y.
        shape: (H, W) of the picture.
        turns: quarter turns against the clock.
        edge: 1 for pixels' centres (the first is 0), 0 for edges.
    """
    height, width = shape[0] - edge, shape[1] - edge
    x, y = np.asarray(points, np.float64).T
    back = ((x, y), (width - y, x), (width - x, height - y), (y, height - x))[turns % 4]
    return np.stack(back, axis=1)


def odd(points: Float64Array, turns: int = 0) -> bool:
    """Whether five landmarks are no face's that is upright after so many quarter turns.

    They are turned by over 30 degrees from it, or fit the template badly: the network gives to a
    face on its side or head the landmarks of something between that and an upright one.
    """
    turned, misfit = _pose(points)
    return abs((turned - 90 * turns + 180) % 360 - 180) > 30 or misfit > 0.18


def _turns(points: Float64Array) -> int:
    """Quarter turns after which a face with these landmarks is most upright, 0 to 3."""
    return round(_pose(points)[0] / 90) % 4


def _pose(points: Float64Array) -> tuple[float, float]:
    """How far landmarks are turned, in degrees clockwise, and how badly they fit a face."""
    template = canonical_template(224)
    a, b = (p[:, 0] + 1j * p[:, 1] for p in (template, np.asarray(points, np.float64)))
    a, b = a - a.mean(), b - b.mean()
    map_ = (b * a.conj()).sum() / (np.abs(a) ** 2).sum()
    if abs(map_) < 1e-9:
        return 0.0, np.inf
    misfit = float(np.abs(b - map_ * a).mean() / abs(map_)) / 64
    return float(np.degrees(np.angle(map_))), misfit


def _mapped(place: _Place, back: Float64Array, corner: Float64Array) -> _Place:
    """From pixels of a part, whose corner lies there in the whole, to the photo's."""
    box = ((place.box.reshape(2, 2) + corner) * back).ravel()
    points = (place.points + corner + 0.5) * back - 0.5
    return replace(place, box=box, points=points)


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end: as few as there may be, equal, and no larger than they must be."""
    count = 1 if length <= _TILE else -(-(length - _OVERLAP) // (_TILE - _OVERLAP))
    side = min(length, 32 * math.ceil((length + (count - 1) * _OVERLAP) / count / 32))
    for k in range(count):
        start = 0 if count == 1 else round(k * (length - side) / (count - 1))
        yield start, start + side


def _distinct(places: list[_Place]) -> list[_Place]:
    """Each once, by falling score: those that overlap with or lie in a better one go."""
    places = [p for p in places if p.side >= _LEAST_SIDE]
    if not places:
        return []
    kept = _once(np.stack([p.box for p in places]), np.array([p.score for p in places]))
    return [places[i] for i in kept]


def _once(boxes: Float32Array | Float64Array, scores: Float32Array | Float64Array) -> list[int]:
    """Which of these boxes lie in no better one and overlap with none, by falling score."""
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), axis=1)
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        union = area[best] + area[left] - shared
        left = left[(shared <= 0.3 * union) & (shared <= 0.7 * area[left])]
    return kept


def _as_faces(places: list[_Place]) -> tuple[Face, ...]:
    faces = []
    for p in sorted(places, key=lambda p: -p.score):
        if np.linalg.norm(p.points[1] - p.points[0]) >= 4.0:
            x0, y0, x1, y1 = p.box.tolist()
            faces.append(Face((x0, y0, x1, y1), p.points.astype(np.float32), p.score))
    return tuple(faces)
