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

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.aggd import aggd, gamma
from faceveil.types import Float64Array


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

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        data = {"block": self.block, "mean": self.mean.tolist()}
        path.write_text(json.dumps(data | {"covariance": self.covariance.tolist()}))

    @classmethod
    def load(cls, path: Path) -> NiqeModel:
        """Read it.

        Raises:
            OptionError: if the file is missing or is no such model.
        """
        try:
            data = json.loads(path.read_text())
            mean, covariance = (np.array(data[k], np.float64) for k in ("mean", "covariance"))
            block = int(data["block"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OptionError(f"{path}: not a NIQE model ({error}); fit one first") from error
        if mean.shape != (36,) or covariance.shape != (36, 36):
            raise OptionError(
                f"{path}: got {mean.shape} and {covariance.shape}; expected 36 numbers"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise OptionError(f"{path}: numbers are not finite; fit the NIQE model again")
        return cls(mean, covariance, block)


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
        ratio = gamma(np.array([2 / shape]))[0] / gamma(np.array([1 / shape]))[0]
        out += [shape, (right - left) * ratio, left, right]
    return out
