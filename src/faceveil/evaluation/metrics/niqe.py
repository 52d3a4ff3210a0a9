"""NIQE, how natural a picture looks, without its original (Mittal, Soundararajan and Bovik 2013).

A picture's blocks are described by 36 numbers (18 at each of two scales) of its locally normalised
luma; a multivariate Gaussian of them is compared with one fitted on pristine pictures. The pristine
fit is the user's own (:func:`fit_pristine`), so values compare only with the same fit and the same
block size. The paper's blocks are 96 px: a 224 px crop holds four of them, too few for 36 numbers,
so crops take smaller ones (32 px give 49, 48 px give 16), and the block size belongs beside every
value. The second scale is made by 2x2 means, where the paper's code resizes by bicubic
interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

from faceveil.errors import OptionError
from faceveil.types import Float64Array

_SHAPES = np.arange(0.2, 10.001, 0.001)
_RATIO = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))


@dataclass(frozen=True, slots=True, eq=False)
class NiqeModel:
    """A pristine fit.

    Attributes:
        mean: (36,).
        covariance: (36, 36).
        block: side of the blocks in pixels, even.
    """

    mean: Float64Array
    covariance: Float64Array
    block: int


def fit_pristine(
    images: Sequence[NDArray[np.uint8]], block: int = 48, sharpest: float = 0.75
) -> NiqeModel:
    """Fit the model of natural pictures.

    Args:
        images: (H, W) grey uint8 pictures of good quality.
        block: side of the blocks in pixels, even; the paper's is 96.
        sharpest: blocks less sharp than this share of their picture's sharpest are left out.

    Raises:
        OptionError: if the pictures hold too few blocks for 36 numbers.
    """
    parts = []
    for image in images:
        features, sharpness = _features(image, block)
        parts.append(features[sharpness >= sharpest * sharpness.max()])
    found = np.concatenate(parts) if parts else np.empty((0, 36))
    if len(found) < 72:
        raise OptionError(f"NIQE: {len(found)} sharp blocks; expected 72 or more; add pictures")
    return NiqeModel(found.mean(axis=0), np.cov(found, rowvar=False), block)


def niqe(image: NDArray[np.uint8], model: NiqeModel) -> float:
    """NIQE of one picture: lower is more natural.

    Args:
        image: (H, W) grey uint8, at least two blocks in all.
        model: the pristine fit.

    Raises:
        OptionError: if the picture is too small.
    """
    features, _ = _features(image, model.block)
    if len(features) < 2:
        raise OptionError(
            f"NIQE: got {image.shape}; expected two blocks of {model.block} px or more"
        )
    apart = features.mean(axis=0) - model.mean
    covariance = (np.cov(features, rowvar=False) + model.covariance) / 2
    return float(np.sqrt(apart @ np.linalg.pinv(covariance) @ apart))


def _features(image: NDArray[np.uint8], block: int) -> tuple[Float64Array, Float64Array]:
    """36 numbers of each whole block, and the sharpness of each."""
    if image.ndim != 2 or block < 16 or block % 2 or min(image.shape) < block:
        raise OptionError(
            f"NIQE: got shape {image.shape} and block {block}; expected grey, sides of a block or "
            "more, and an even block of 16 or more"
        )
    h, w = (s // block * block for s in image.shape)
    x = image[:h, :w].astype(np.float64)
    parts = []
    sharpness: Float64Array = np.empty(0)
    for scale in (1, 2):
        normal, deviation = _normalised(x)
        side = block // scale
        cells = _cells(normal, side)
        parts.append(np.array([_describe(cell) for cell in cells]))
        if scale == 1:
            sharpness = _cells(deviation, side).mean(axis=(1, 2))
        x = np.asarray(cv2.resize(x, (w // 2, h // 2), interpolation=cv2.INTER_AREA), np.float64)
    return np.concatenate(parts, axis=1), sharpness


def _normalised(x: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Mean-subtracted contrast-normalised luma, and the local deviation (7x7 Gaussian)."""
    mean = cv2.GaussianBlur(x, (7, 7), 7 / 6, borderType=cv2.BORDER_REPLICATE)
    square = cv2.GaussianBlur(x * x, (7, 7), 7 / 6, borderType=cv2.BORDER_REPLICATE)
    deviation = np.sqrt(np.abs(square - mean * mean))
    return (x - mean) / (deviation + 1), deviation


def _cells(x: Float64Array, side: int) -> Float64Array:
    h, w = x.shape
    cells = x.reshape(h // side, side, w // side, side).swapaxes(1, 2)
    return cells.reshape(-1, side, side)


def _describe(cell: Float64Array) -> list[float]:
    """18 numbers: shape and width of the pixels, and of products of neighbours four ways."""
    shape, left, right = aggd(cell.ravel())
    out = [shape, (left + right) / 2]
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        product = cell * np.roll(cell, (dy, dx), (0, 1))
        shape, left, right = aggd(product.ravel())
        ratio = float(gamma(2 / shape) / gamma(1 / shape))
        out += [shape, (right - left) * ratio, left, right]
    return out


def aggd(x: Float64Array) -> tuple[float, float, float]:
    """An asymmetric generalised Gaussian fitted by its moments (Lasmar 2009).

    Its density falls as exp(-(|x| / beta)^shape), with one width beta to the left of zero and
    another to the right; shape 1 is Laplace's distribution, shape 2 Gauss's.

    Args:
        x: (N,) values.

    Returns:
        Shape in [0.2, 10] and both widths (beta_l, beta_r).
    """
    left = np.sqrt(np.mean(x[x < 0] ** 2)) if (x < 0).any() else 1e-6
    right = np.sqrt(np.mean(x[x > 0] ** 2)) if (x > 0).any() else 1e-6
    skew = left / right
    moment = np.mean(np.abs(x)) ** 2 / max(float(np.mean(x**2)), 1e-12)
    wanted = moment * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = float(_SHAPES[np.argmin((_RATIO - wanted) ** 2)])
    scale = float(np.sqrt(gamma(1 / shape) / gamma(3 / shape)))
    return shape, float(left * scale), float(right * scale)
