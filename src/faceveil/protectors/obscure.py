"""Blur and pixelation: what most people use now. They hide the person too; baselines only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceveil.types import Float32Array, Float64Array


@dataclass(slots=True)
class Blur:
    """Gaussian blur of the whole crop.

    Attributes:
        sigma: in pixels of the 224 px crop; the eyes are 64 px apart.
    """

    sigma: float = 8.0
    name: str = "blur"

    def protect(
        self,
        luma: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Blur a batch; gender and target make no difference."""
        blurred = [cv2.GaussianBlur(x, (0, 0), self.sigma) for x in luma]
        return np.stack(blurred).astype(np.float32) if blurred else luma.copy()


@dataclass(slots=True)
class Pixelate:
    """Square cells of one grey each.

    Attributes:
        cells: cells along each side of the crop.
    """

    cells: int = 16
    name: str = "pixelate"

    def protect(
        self,
        luma: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Pixelate a batch; gender and target make no difference."""
        size = (self.cells, self.cells)
        small = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in luma]
        full = [
            cv2.resize(s, x.shape[::-1], interpolation=cv2.INTER_NEAREST)
            for s, x in zip(small, luma, strict=True)
        ]
        return np.stack(full).astype(np.float32) if full else luma.copy()
