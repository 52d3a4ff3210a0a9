"""Perceptual measures that need weights which FaceVeil does not carry: the user supplies them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.inference.device import Choice
from faceveil.inference.session import session


def perceptual_index(ma: float, niqe: float) -> float:
    """PI of the PIRM 2018 challenge: ((10 - Ma) + NIQE) / 2; lower is better.

    Gender-AN prints (10 - Ma) / 2 + NIQE, with which its own table would need a Ma score above 10.

    Args:
        ma: Ma's score in 0 to 10, from its authors' trained forests.
        niqe: NIQE of the same picture.

    Raises:
        OptionError: if Ma's score is out of its range or NIQE is negative.
    """
    if not (0 <= ma <= 10 and niqe >= 0):
        raise OptionError(f"PI: got Ma {ma:g} and NIQE {niqe:g}; expected 0 to 10, and 0 or more")
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
    if not len(first) == len(second) == len(weights) > 0:
        raise OptionError(
            f"LPIPS: got {len(first)} and {len(second)} maps and {len(weights)} layers of weights; "
            "expected one of each per layer"
        )
    total = 0.0
    for a, b, w in zip(first, second, weights, strict=True):
        x, y, scale = (np.asarray(v, np.float64) for v in (a, b, w))
        if x.shape != y.shape or x.ndim != 3 or scale.shape != x.shape[:1]:
            raise OptionError(
                f"LPIPS: got maps {x.shape}, {y.shape}, weights {scale.shape}; expected (C, H, W) "
                "twice and (C,)"
            )
        if not (scale >= 0).all():
            raise OptionError("LPIPS: a weight is negative or no number; expected LPIPS's own")
        x, y = (v / (np.linalg.norm(v, axis=0, keepdims=True) + 1e-10) for v in (x, y))
        total += float((scale[:, None, None] * (x - y) ** 2).sum(axis=0).mean())
    return total


def lpips(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    model: Path,
    weights: Path | None = None,
) -> float:
    """LPIPS by a network that the user has exported.

    Args:
        first: (H, W, 3) RGB uint8.
        second: the same shape.
        model: an ONNX file of one of two kinds. It takes two pictures (1, 3, H, W) in [-1, 1] and
            gives one number, as an export of the ``lpips`` package does; or it takes one such
            picture and gives the feature maps (1, C, H', W') of its layers.
        weights: for the second kind, a NumPy ``.npz`` file with the (C,) weights of each layer,
            under the name of its feature map.

    Raises:
        OptionError: if the shapes differ, or the model or the weights are of another kind.
        ModelError: if the model's file is missing or damaged.
    """
    if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3:
        raise OptionError(f"LPIPS: got {first.shape} and {second.shape}; expected (H, W, 3) twice")
    network = session(model, None, Choice())
    names = [i.name for i in network.get_inputs()]
    pair = [(x.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32) for x in (first, second)]
    if len(names) == 2 and weights is None:
        value = network.run(None, dict(zip(names, pair, strict=True)))[0]
        return float(np.asarray(value).ravel()[0])
    if len(names) != 1 or weights is None:
        raise OptionError(
            f"{model}: takes {len(names)} pictures, {'no ' if weights is None else ''}weights "
            "given; expected two pictures and no weights, or one picture and a file of weights"
        )
    layers = _layers(weights, [output.name for output in network.get_outputs()])
    maps = [[np.asarray(m)[0] for m in network.run(None, {names[0]: x})] for x in pair]
    return lpips_of_features(maps[0], maps[1], layers)


def _layers(path: Path, names: list[str]) -> list[NDArray[np.float64]]:
    """The weights of each layer, read without unpickling anything."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return [np.asarray(data[name], np.float64).ravel() for name in names]
    except FileNotFoundError as error:
        wanted = ", ".join(names)
        raise OptionError(f"{path}: no such file; expected an .npz with {wanted}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BadZipFile) as error:
        wanted = ", ".join(names)
        raise OptionError(f"{path}: {error}; expected an .npz with {wanted}") from error
