"""How much a picture changed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.types import Float64Array

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM's five scales, finest first."""

LEAST = 11 * 2 ** (len(WEIGHTS) - 1)
"""Least side in pixels: the 11 px window must fit the coarsest scale."""


def psnr(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB of two equal-shaped uint8 pictures; infinite if equal."""
    _same_shape(original, changed)
    error = float(((original.astype(np.float64) - changed) ** 2).mean())
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def mean_absolute_change(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two equal-shaped uint8 arrays, in [0, 1] of full scale."""
    _same_shape(original, changed)
    # Picture by picture: a batch of thousands in int16 at once would be gigabytes.
    means = [np.abs(a.astype(np.int16) - b).mean() for a, b in zip(original, changed, strict=True)]
    return float(np.mean(means) / 255)


def ssim(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """Structural similarity (Wang 2004) in [-1, 1]: 11x11 Gaussian window of sigma 1.5.

    Pixels whose window leaves the picture are left out of the mean.

    Args:
        original: (H, W) or (H, W, C) uint8, both sides at least 11; channels are averaged.
        changed: the same shape.
    """
    return float(ssim_map(original, changed)[5:-5, 5:-5].mean())


def ssim_map(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> Float64Array:
    """Structural similarity at each pixel, borders mirrored: the pictures' shape, in [-1, 1].

    Args:
        original: (H, W) or (H, W, C) uint8, both sides at least 11.
        changed: the same shape.
    """
    _same_shape(original, changed)
    if min(original.shape[:2]) < 11:
        raise OptionError(f"ssim: got {original.shape[:2]} pixels; expected at least 11 x 11")
    luminance, structure = _terms(original.astype(np.float64), changed.astype(np.float64))
    return luminance * structure


def ms_ssim(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003), at most 1.

    The product over scales of contrast-structure, and luminance at the last; windows within the
    picture only, halved by 2x2 means.

    Args:
        original: (H, W) or (H, W, C) uint8, both sides at least 176; channels are averaged.
        changed: the same shape.

    Raises:
        OptionError: if the shapes differ or the pictures are too small.
    """
    _same_shape(original, changed)
    if min(original.shape[:2]) < LEAST:
        raise OptionError(f"MS-SSIM: got {original.shape[:2]}; expected sides of {LEAST} or more")
    if original.ndim == 3:
        channels = range(original.shape[2])
        return float(np.mean([ms_ssim(original[..., c], changed[..., c]) for c in channels]))
    a, b = original.astype(np.float64), changed.astype(np.float64)
    value = 1.0
    for scale, weight in enumerate(WEIGHTS):
        luminance, structure = (term[5:-5, 5:-5] for term in _terms(a, b))
        last = scale == len(WEIGHTS) - 1
        mean = float((luminance * structure).mean() if last else structure.mean())
        value *= max(mean, 0.0) ** weight  # a negative term has no real power
        a, b = _halved(a), _halved(b)
    return value


def _terms(a: Float64Array, b: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Luminance, and contrast and structure in one, at each pixel."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = _window(a), _window(b)
    va, vb, both = _window(a * a) - ma * ma, _window(b * b) - mb * mb, _window(a * b) - ma * mb
    luminance = (2 * ma * mb + c1) / (ma * ma + mb * mb + c1)
    return luminance, (2 * both + c2) / (va + vb + c2)


def _halved(x: Float64Array) -> Float64Array:
    h, w = (s // 2 * 2 for s in x.shape)
    return np.asarray(x[:h, :w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3)), np.float64)


def _window(x: Float64Array) -> Float64Array:
    blurred = cv2.GaussianBlur(x, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float64).reshape(x.shape)


def _same_shape(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    if a.shape != b.shape:
        raise OptionError(f"pictures: got shapes {a.shape} and {b.shape}; expected equal ones")
