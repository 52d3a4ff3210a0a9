"""Bending pictures by a coarse field of displacements."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def bend(image: Tensor, field: Tensor) -> Tensor:
    """Each pixel taken from a little beside its place.

    Args:
        image: (N, C, S, S).
        field: (N, 2, s, s) displacement in x and y in units of half the side, brought to the
            picture's size bilinearly.

    Returns:
        (N, C, S, S), borders replicated.
    """
    n, _, side, _ = image.shape
    full = F.interpolate(field, size=(side, side), mode="bilinear").permute(0, 2, 3, 1)
    eye = torch.eye(2, 3, dtype=full.dtype, device=full.device).expand(n, 2, 3)
    grid = F.affine_grid(eye, [n, 1, side, side], align_corners=False) + full
    return F.grid_sample(image, grid.to(image.dtype), padding_mode="border", align_corners=False)
