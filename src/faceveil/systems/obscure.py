"""Blur, pixelation and a black box: what most people use now. They hide the person too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from faceveil.types import Float32Array, Float64Array, Target


@dataclass
class Blur:
    """Gaussian blur of the whole crop.

    Attributes:
        sigma: in pixels of the 224 px crop; the eyes are 64 px apart.
    """

    sigma: float = 8.0
    name: str = "blur"
    channels: int = 3
    own_target: Target | None = None
    needs_gender: bool = False
    replaces_face: ClassVar[bool] = True
    runs_on: ClassVar[str] = "CPU"

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Blur a batch; gender and target make no difference."""
        blurred = [cv2.GaussianBlur(x, (0, 0), self.sigma) for x in faces]
        return np.stack(blurred).astype(np.float32) if blurred else faces.copy()


@dataclass
class Pixelate:
    """Square cells of one colour each.

    Attributes:
        cells: cells along each side of the crop.
    """

    cells: int = 16
    name: str = "pixelate"
    channels: int = 3
    own_target: Target | None = None
    needs_gender: bool = False
    replaces_face: ClassVar[bool] = True
    runs_on: ClassVar[str] = "CPU"

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Pixelate a batch; gender and target make no difference."""
        size = (self.cells, self.cells)
        small = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in faces]
        full = [
            cv2.resize(s, x.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            for s, x in zip(small, faces, strict=True)
        ]
        return np.stack(full).astype(np.float32) if full else faces.copy()


@dataclass
class BlackBox:
    """Black over the whole crop."""

    name: str = "black-box"
    channels: int = 3
    own_target: Target | None = None
    needs_gender: bool = False
    replaces_face: ClassVar[bool] = True
    runs_on: ClassVar[str] = "CPU"

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None,
    ) -> Float32Array:
        """Blacken a batch; gender and target make no difference."""
        return np.zeros_like(faces)
