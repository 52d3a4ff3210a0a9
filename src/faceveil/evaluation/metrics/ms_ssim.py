"""Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.types import Float64Array

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first."""

LEAST = 11 * 2 ** (len(WEIGHTS) - 1)
"""Least side in pixels: the 11 px window must fit the coarsest scale."""


def ms_ssim(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """MS-SSIM of two pictures: the product over scales of contrast-structure, and luminance last.

    11x11 Gaussian window of sigma 1.5, windows within the picture only, halved by 2x2 means.

    Args:
        original: (H, W) or (H, W, C) uint8, both sides at least 176; channels are averaged.
        changed: the same shape.

    Returns:
        At most 1, which equal pictures have.

    Raises:
        OptionError: if the shapes differ or the pictures are too small.
    """
    if original.shape != changed.shape:
        raise OptionError(
            f"pictures: got {original.shape} and {changed.shape}; expected equal shapes"
        )
    if min(original.shape[:2]) < LEAST:
        raise OptionError(f"MS-SSIM: got {original.shape[:2]}; expected sides of {LEAST} or more")
    if original.ndim == 3:
        channels = range(original.shape[2])
        return float(np.mean([ms_ssim(original[..., c], changed[..., c]) for c in channels]))
    a, b = original.astype(np.float64), changed.astype(np.float64)
    value = 1.0
    for scale, weight in enumerate(WEIGHTS):
        luminance, contrast = _terms(a, b)
        last = scale == len(WEIGHTS) - 1
        term = float((luminance * contrast).mean() if last else contrast.mean())
        value *= max(term, 0.0) ** weight  # a negative term has no real power
        a, b = _halved(a), _halved(b)
    return value


def _terms(a: Float64Array, b: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Luminance and contrast-structure maps."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    def window(x: Float64Array) -> Float64Array:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5)[5:-5, 5:-5], np.float64)

    ma, mb = window(a), window(b)
    va, vb, cov = window(a * a) - ma * ma, window(b * b) - mb * mb, window(a * b) - ma * mb
    luminance = (2 * ma * mb + c1) / (ma * ma + mb * mb + c1)
    return luminance, (2 * cov + c2) / (va + vb + c2)


def _halved(x: Float64Array) -> Float64Array:
    h, w = (s // 2 * 2 for s in x.shape)
    return np.asarray(x[:h, :w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3)), np.float64)
