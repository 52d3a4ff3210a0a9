"""Asymmetric generalised Gaussian distribution, fitted by its moments (Lasmar 2009, as in NIQE).

Its density falls as exp(-(|x| / beta)^shape), with one width beta to the left of zero and another
to the right; shape 1 is Laplace's distribution, shape 2 Gauss's.
"""

from __future__ import annotations

import numpy as np

from faceveil.types import Float64Array

_SHAPES = np.arange(0.2, 10.001, 0.001)


def gamma(x: Float64Array) -> Float64Array:
    """Euler's gamma for positive arguments, which NumPy lacks (Lanczos, g = 7).

    Args:
        x: positive numbers, any shape.

    Returns:
        The same shape; relative error below 1e-12 from 0.1 to 15.
    """
    c = (
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
        -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
        1.5056327351493116e-7,
    )  # fmt: skip
    z = x - 1
    series = c[0] + sum(c[i] / (z + i) for i in range(1, 9))
    t = z + 7.5
    out: Float64Array = np.sqrt(2 * np.pi) * t ** (z + 0.5) * np.exp(-t) * series
    return out


_RATIO = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))


def aggd(x: Float64Array) -> tuple[float, float, float]:
    """Shape, left width and right width that give the moments of the values.

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
    g = gamma(np.array([1 / shape, 3 / shape]))
    scale = float(np.sqrt(g[0] / g[1]))
    return shape, float(left * scale), float(right * scale)
