"""Perceptual measures that need weights which FaceVeil does not carry: the user supplies them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.runtime.session import session


def perceptual_index(ma: float, niqe: float) -> float:
    """PI of the PIRM 2018 challenge: ((10 - Ma) + NIQE) / 2; lower is better.

    Gender-AN prints (10 - Ma) / 2 + NIQE, with which its own table would need a Ma score above 10.

    Args:
        ma: Ma's score in 0 to 10, from its authors' trained forests.
        niqe: NIQE of the same picture.
    """
    return ((10 - ma) + niqe) / 2


def lpips_of_features(
    first: Sequence[ArrayLike], second: Sequence[ArrayLike], weights: Sequence[ArrayLike]
) -> float:
    """LPIPS (Zhang 2018): sum over layers of the mean of w * (f - f')^2, f of unit length.

    Args:
        first: feature maps (C, H, W) of one picture, layer by layer.
        second: of the other one.
        weights: (C,) of each layer, not negative.

    Raises:
        OptionError: if the layers do not fit.
    """
    total = 0.0
    for a, b, w in zip(first, second, weights, strict=True):
        x, y, scale = (np.asarray(v, np.float64) for v in (a, b, w))
        if x.shape != y.shape or x.ndim != 3 or scale.shape != x.shape[:1]:
            raise OptionError(
                f"LPIPS: got maps {x.shape}, {y.shape}, weights {scale.shape}; expected (C, H, W) "
                "twice and (C,)"
            )
        x, y = (v / (np.linalg.norm(v, axis=0, keepdims=True) + 1e-10) for v in (x, y))
        total += float((scale[:, None, None] * (x - y) ** 2).sum(axis=0).mean())
    return total


def lpips(first: NDArray[np.uint8], second: NDArray[np.uint8], model: Path) -> float:
    """LPIPS by a network that the user has exported.

    Args:
        first: (H, W, 3) RGB uint8.
        second: the same shape.
        model: an ONNX file that takes two pictures (1, 3, H, W) in [-1, 1] and gives one number, as
            an export of the ``lpips`` package does.

    Raises:
        OptionError: if the shapes differ or the model takes something else.
        ModelError: if the file is missing or damaged.
    """
    if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3:
        raise OptionError(f"LPIPS: got {first.shape} and {second.shape}; expected (H, W, 3) twice")
    network = session(model, None, 0)
    names = [i.name for i in network.get_inputs()]
    if len(names) != 2:
        raise OptionError(f"{model}: takes {len(names)} inputs; expected two pictures")
    pair = [(x.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32) for x in (first, second)]
    return float(np.asarray(network.run(None, dict(zip(names, pair, strict=True)))[0]).ravel()[0])
