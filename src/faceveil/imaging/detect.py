"""Finding faces: the detector's interface, and CenterFace on ONNX Runtime.

CenterFace (Xu et al. 2020, MIT) gives a box, a score and five landmarks per face. Its file is
carried by FaceVeil's wheel and described in THIRD_PARTY.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Semaphore
from typing import Protocol, TypeAlias, runtime_checkable

import cv2
import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.regions import GRID, regions
from faceveil.imaging.search import Search, Sight
from faceveil.imaging.shrink import halved
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import CPU, Choice, usable_cores
from faceveil.inference.session import freeing, session
from faceveil.types import Face, Float32Array, Float64Array, Uint8Array

CENTERFACE_SHA256 = "6bf0b760b44045f6a2f06a3b8c06c5d92fcf8a39c9f479fe4c326aecfd1691fa"
_STRIDE = 4
_MIN_EYES = 4.0
"""Faces whose eyes are closer than this many pixels hold nothing that could be protected."""


DOUBTFUL = 0.1
"""Score above which something may be a face in the next frame."""

_LARGE = 3 * 640 * 640

_Found: TypeAlias = tuple[Float32Array, Float32Array, Float32Array]


@runtime_checkable
class Detector(Protocol):
    """Finds faces in a photo."""

    def detect(self, rgb: Uint8Array) -> tuple[Face, ...]:
        """All faces of an upright photo, (H, W, 3) uint8 RGB, by falling score."""
        ...


@runtime_checkable
class NearDetector(Detector, Protocol):
    """A detector that can look at a few places only, and tells what might be a face."""

    def detect_loosely(self, rgb: Uint8Array) -> tuple[tuple[Face, ...], tuple[Face, ...]]:
        """The faces that one quick look finds, and what scores too low, by falling score."""
        ...

    def detect_near(
        self, rgb: Uint8Array, boxes: Sequence[tuple[float, float, float, float]]
    ) -> tuple[Face, ...]:
        """Faces whose centres lie in boxes (x0, y0, x1, y1) of pixels, by falling score."""
        ...

    def release(self) -> None:
        """Give back the memory that looks have taken; the next look takes it again."""
        ...


@runtime_checkable
class Searcher(Detector, Protocol):
    """A detector that also tells of places which may be faces."""

    def search(self, rgb: Uint8Array) -> Sight:
        """All faces of an upright photo, (H, W, 3) uint8 RGB, and what may be one."""
        ...


def sight_of(detector: Detector, rgb: Uint8Array) -> Sight:
    """What a detector finds in an upright photo; nothing is doubtful to one that does not tell."""
    return detector.search(rgb) if isinstance(detector, Searcher) else Sight(detector.detect(rgb))


def in_order(faces: Iterable[Face], first: int = 0) -> tuple[Face, ...]:
    """Faces from left to right by their boxes' centres, then from top to bottom, numbered so.

    Args:
        faces: in any order.
        first: number of the first.
    """
    ordered = sorted(faces, key=lambda f: (f.box[0] + f.box[2], f.box[1] + f.box[3]))
    return tuple(replace(face, number=first + i) for i, face in enumerate(ordered))


def numbered(sight: Sight) -> Sight:
    """What was seen, in order; doubtful places are numbered after the faces."""
    faces = in_order(sight.faces)
    return Sight(faces, in_order(sight.doubtful, first=len(faces)))


class CenterFace:
    """The detector that comes with the package.

    Args:
        path: the ONNX file, which takes any multiples of 32 pixels; the package's own where None.
        threshold: least score of a face, in [0, 1].
        max_side: photos whose longer side exceeds this many pixels are shrunk to it for detection.
        min_side: photos whose longer side is below this are enlarged to it for detection.
        choice: what the network runs on; ONNX Runtime in any case.

    Raises:
        ModelError: if the file is missing or damaged.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        threshold: float = 0.5,
        max_side: int = 960,
        min_side: int = 320,
        choice: Choice = Choice(),
    ) -> None:
        if not 0 < threshold < 1:
            raise OptionError(f"threshold: got {threshold}; expected a value between 0 and 1")
        self.threshold, self.max_side, self.min_side = threshold, max_side, min_side
        file = path or WEIGHTS / "centerface.onnx"
        self._session = session(file, CENTERFACE_SHA256 if path is None else None, choice)
        self._turn = Semaphore(max(2, usable_cores() // 2))
        self._input = self._session.get_inputs()[0].name

    def detect(self, rgb: Uint8Array) -> tuple[Face, ...]:
        """All faces by falling score; see :class:`Detector`."""
        return self.search(rgb).faces

    def search(self, rgb: Uint8Array) -> Sight:
        """All faces, and the places that may be one; see :mod:`.search`."""
        return Search(self._find, rgb, self._shrunk(rgb)[0], self.threshold).run()

    def detect_loosely(self, rgb: Uint8Array) -> tuple[tuple[Face, ...], tuple[Face, ...]]:
        """What one look at the whole picture finds, and what scores :data:`DOUBTFUL` or more."""
        small, back = self._shrunk(rgb)
        faces = _faces(self._find(small, min(DOUBTFUL, self.threshold)), back)
        sure = sum(face.score >= self.threshold for face in faces)
        return faces[:sure], faces[sure:]

    def detect_near(
        self, rgb: Uint8Array, boxes: Sequence[tuple[float, float, float, float]]
    ) -> tuple[Face, ...]:
        """Faces whose centres lie in given places; the rest of the photo is not looked at.

        What is found there is what :meth:`detect_loosely` finds, to a fraction of a pixel: the
        photo is shrunk alike, and parts of it begin where the network's grid does.

        Args:
            rgb: (H, W, 3) uint8 upright photo.
            boxes: (x0, y0, x1, y1) in pixels.

        Returns:
            Faces by falling score.
        """
        small, back = self._shrunk(rgb)
        places = np.array(boxes, np.float64).reshape(-1, 4) / np.tile(back, 2)
        found = []
        for x0, y0, x1, y1 in regions(places, small.shape[:2]):
            part = self._find(small[y0:y1, x0:x1], self.threshold)
            corner = np.array([x0, y0], np.float32)
            found.append((part[0] + np.tile(corner, 2), part[1] + corner, part[2]))
        if not found:
            return ()
        all_boxes, landmarks, scores = (np.concatenate(v) for v in zip(*found, strict=True))
        centres = (all_boxes[:, :2] + all_boxes[:, 2:]) / 2
        low, high = places[:, None, :2], places[:, None, 2:]
        own = ((centres >= low) & (centres <= high)).all(axis=2).any(axis=0)
        return _faces((all_boxes[own], landmarks[own], scores[own]), back)

    def release(self) -> None:
        """Give back what looks have taken, some 90 to 160 MB each at the same time."""
        if self._session.get_providers() == [CPU]:  # a GPU's arena is not this one
            least = np.zeros((1, 3, GRID, GRID), np.float32)
            self._session.run(None, {self._input: least}, freeing())

    def _shrunk(self, rgb: Uint8Array) -> tuple[Uint8Array, Float64Array]:
        """The photo at the detector's size, and (2,) pixels of the photo in one of it, x and y."""
        rgb, halvings = halved(rgb, 2 * self.max_side)
        height, width = (side << halvings for side in rgb.shape[:2])
        longest = max(height, width)
        scale = min(1.0, self.max_side / longest)
        if longest < self.min_side:
            scale = self.min_side / longest
        new_w, new_h = max(1, round(width * scale)), max(1, round(height * scale))
        if (new_w, new_h) != rgb.shape[1::-1]:
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            rgb = np.asarray(cv2.resize(rgb, (new_w, new_h), interpolation=method), np.uint8)
        return rgb, np.array([width / new_w, height / new_h])

    def _find(self, rgb: Uint8Array, threshold: float) -> _Found:
        """Boxes (K, 4), landmarks (K, 5, 2) and scores (K,) in a picture of the detector's size."""
        height, width = rgb.shape[:2]
        # Padding, unlike stretching to the next multiple, keeps the face's proportions.
        padded = np.zeros((1, 3, _up(height), _up(width)), np.float32)
        padded[0, :, :height, :width] = rgb.transpose(2, 0, 1)
        # A large picture needs 90 MB, which the session keeps for each that ran at the same time.
        with self._turn if padded.size > _LARGE else nullcontext():
            maps = self._session.run(None, {self._input: padded})
        heatmap, size, offset, points = (np.asarray(m[0]) for m in maps)
        return _decode(heatmap, size, offset, points, threshold)


def _faces(found: _Found, back: Float64Array) -> tuple[Face, ...]:
    """Faces by falling score, each once, in pixels of the photo."""
    boxes, landmarks, scores = found
    faces = []
    for i in _suppress(boxes, scores, 0.3):
        x0, y0, x1, y1 = (boxes[i].reshape(2, 2) * back).ravel().tolist()
        points = ((landmarks[i] + 0.5) * back - 0.5).astype(np.float32)
        if math.dist(points[0], points[1]) >= _MIN_EYES:
            faces.append(Face((x0, y0, x1, y1), points, float(scores[i])))
    return tuple(faces)


def face_numbers(which: str) -> list[int]:
    """The numbers that ``which`` names, rising; none for ``all`` and ``largest``.

    Raises:
        OptionError: if it is none of these.
    """
    if which in ("all", "largest"):
        return []
    parts = which.split(",")
    if not all(p.strip().isdecimal() for p in parts):
        raise OptionError(f"faces: got {which!r}; expected all, largest, or numbers such as 0,2")
    return sorted({int(p) for p in parts})


def _up(side: int) -> int:
    return math.ceil(side / GRID) * GRID


def _decode(
    heatmap: Float32Array,
    size: Float32Array,
    offset: Float32Array,
    points: Float32Array,
    threshold: float,
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Boxes (K, 4), landmarks (K, 5, 2) and scores (K,) of the cells above the threshold."""
    rows, columns = np.nonzero(heatmap[0] > threshold)
    scores = heatmap[0, rows, columns]
    h, w = (np.exp(np.minimum(size[i, rows, columns], 10.0)) * _STRIDE for i in (0, 1))
    y, x = ((i + 0.5 + offset[k, rows, columns]) * _STRIDE for k, i in enumerate((rows, columns)))
    top, left = y - h / 2, x - w / 2
    boxes = np.stack([left, top, left + w, top + h], axis=1)
    relative = points[:, rows, columns].reshape(5, 2, -1)  # (5, (y, x), K)
    landmarks = np.stack([relative[:, 1] * w + left, relative[:, 0] * h + top], axis=-1).transpose(
        1, 0, 2
    )
    return boxes, landmarks, scores


def _suppress(boxes: Float32Array, scores: Float32Array, overlap: float) -> list[int]:
    """Greedy non-maximum suppression: indices of the kept boxes by falling score."""
    order = np.argsort(-scores, kind="stable")
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        order = rest[shared / (area[best] + area[rest] - shared) <= overlap]
    return kept
