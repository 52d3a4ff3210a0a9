"""Nearest x2 upsampling and a 3x3 convolution in nine products a pixel, where plainly it is 36.

Along one axis, with taps w0, w1, w2 and source pixel x[k], the two outputs are

    even:  w0 x[k-1] + (w1 + w2) x[k]  =  w0 (x[k-1] - x[k])  +  (w0 + w1 + w2) x[k]
    odd:   (w0 + w1) x[k] + w2 x[k+1]  =  (w0 + w1 + w2) x[k]  +  w2 (x[k+1] - x[k])

so they share one product: three in place of four (or of six, plainly). Along both axes that is nine
products of channels by channels, 1x1 convolutions of the map and of its differences, in place of
sixteen. Differences and sums cost a hundredth of that. Beyond the map there are zeros, as in the
plain convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Steps = dict[tuple[int, int], Tensor]
"""By row and column: -1 towards the pixel before, 1 towards the one after, 0 the pixel itself."""


def upsampled_phases(x: Tensor, weight: Tensor, bias: Tensor | None) -> list[Tensor]:
    """``conv3x3(upsample_nearest2(x))``, not yet interleaved.

    Args:
        x: (N, C, H, W).
        weight: (D, C, 3, 3).
        bias: (D,) or None.

    Returns:
        Outputs of even rows and even columns, of even rows and odd columns, of odd rows and even
        columns, of odd rows and odd columns: (N, D, H, W) each.
    """
    steps, kernels = _differences(x), _kernels(weight)

    def product(i: int, j: int, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(steps[i, j], kernels[i, j], bias)

    centre = product(0, 0, bias)
    rows = {i: product(i, 0) + centre for i in (-1, 1)}
    columns = {j: product(0, j) for j in (-1, 1)}
    return [product(i, j) + (rows[i] + columns[j]) for i in (-1, 1) for j in (-1, 1)]


def _differences(x: Tensor) -> Steps:
    """The map, and what its neighbours differ by: (N, C, H, W) each."""
    steps = {(0, 0): x}
    steps |= {(i, 0): _difference(x, i, 0) for i in (-1, 1)}
    steps |= {(0, j): _difference(x, 0, j) for j in (-1, 1)}
    return steps | {(i, j): _difference(steps[i, 0], 0, j) for i in (-1, 1) for j in (-1, 1)}


def _difference(x: Tensor, i: int, j: int) -> Tensor:
    # A depthwise convolution, which ONNX Runtime computes in the layout of those around it.
    taps = torch.tensor([1.0, -1.0] if i + j < 0 else [-1.0, 1.0], dtype=x.dtype, device=x.device)
    kernel = taps.view((2, 1) if i else (1, 2)).expand(x.shape[1], 1, -1, -1)
    padding = (int(j < 0), int(j > 0), int(i < 0), int(i > 0))
    return F.conv2d(F.pad(x, padding), kernel, groups=x.shape[1])


def _kernels(weight: Tensor) -> Steps:
    """(D, C, 3, 3) -> the nine (D, C, 1, 1)."""
    rows = {-1: weight[:, :, 0], 0: weight.sum(2), 1: weight[:, :, 2]}
    return {
        (i, j): kernel[..., None, None]
        for i, row in rows.items()
        for j, kernel in ((-1, row[..., 0]), (0, row.sum(-1)), (1, row[..., 2]))
    }
