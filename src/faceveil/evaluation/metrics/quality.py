"""How much a picture changed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.types import Float64Array


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
    x, y = original.astype(np.float64), changed.astype(np.float64)
    mean_x, mean_y = _window(x), _window(y)
    var_x = _window(x * x) - mean_x**2
    var_y = _window(y * y) - mean_y**2
    both = _window(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    values: Float64Array = top / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return values


def _window(x: Float64Array) -> Float64Array:
    blurred = cv2.GaussianBlur(x, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float64).reshape(x.shape)


def _same_shape(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    if a.shape != b.shape:
        raise OptionError(f"pictures: got shapes {a.shape} and {b.shape}; expected equal ones")
