"""How much a picture changed: PSNR, SSIM and the mean absolute change."""

from __future__ import annotations

import math

import cv2
import numpy as np

from faceveil.errors import OptionError
from faceveil.types import Float64Array, Uint8Array

_K1, _K2, _SIGMA, _WINDOW = 0.01, 0.03, 1.5, 11
"""Wang et al. 2004, section III-C."""


def psnr(original: Uint8Array, changed: Uint8Array) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels; infinite where equal.

    Args:
        original: (H, W) or (H, W, C) uint8.
        changed: the same shape.

    Raises:
        OptionError: if shapes or types do not fit.
    """
    _check_pair(original, changed, 1)
    error = float(np.mean((original.astype(np.float64) - changed.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def mean_absolute_change(original: Uint8Array, changed: Uint8Array) -> float:
    """Mean absolute difference in [0, 1] of full scale.

    Args:
        original: uint8 of any shape.
        changed: the same shape.

    Raises:
        OptionError: if shapes or types do not fit.
    """
    _check_pair(original, changed, 1)
    # int16 holds every difference, at a quarter of the memory of float64.
    return float(np.mean(np.abs(original.astype(np.int16) - changed)) / 255)


def ssim(original: Uint8Array, changed: Uint8Array) -> float:
    """Structural similarity (Wang et al. 2004), at most 1; mean over pixels and channels.

    Gaussian 11 x 11 window, sigma 1.5, population moments; pixels nearer than 5 to the border,
    whose window leaves the picture, are left out.

    Args:
        original: (H, W) or (H, W, C) uint8, H and W at least 11.
        changed: the same shape.

    Raises:
        OptionError: if shapes or types do not fit, or a side is below 11 pixels.
    """
    margin = _WINDOW // 2
    return float(ssim_map(original, changed)[margin:-margin, margin:-margin].mean())


def ssim_map(original: Uint8Array, changed: Uint8Array) -> Float64Array:
    """Structural similarity at each pixel, the borders mirrored.

    Args:
        original: (H, W) or (H, W, C) uint8, H and W at least 11.
        changed: the same shape.

    Returns:
        the same shape, float64, at most 1.

    Raises:
        OptionError: if shapes or types do not fit, or a side is below 11 pixels.
    """
    _check_pair(original, changed, _WINDOW)
    x, y = original.astype(np.float64), changed.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * 255) ** 2, (_K2 * 255) ** 2
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    ratio: Float64Array = above / below
    return ratio


def _blur(image: Float64Array) -> Float64Array:
    blurred = cv2.GaussianBlur(
        image, (_WINDOW, _WINDOW), _SIGMA, sigmaY=_SIGMA, borderType=cv2.BORDER_REFLECT
    )
    return blurred.reshape(image.shape).astype(np.float64, copy=False)


def _check_pair(original: Uint8Array, changed: Uint8Array, smallest: int) -> None:
    if original.shape != changed.shape:
        raise OptionError(
            f"pictures: got {original.shape} and {changed.shape}; expected equal shapes; "
            "compare a picture with its own protected version"
        )
    if original.dtype != np.uint8 or changed.dtype != np.uint8:
        raise OptionError(
            f"pictures: got {original.dtype} and {changed.dtype}; expected uint8; convert first"
        )
    if original.ndim < 2 or min(original.shape[:2], default=0) < smallest or original.size == 0:
        raise OptionError(
            f"pictures: got shape {original.shape}; expected sides of {smallest} pixels or more"
        )
