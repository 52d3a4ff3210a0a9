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
    side = image.shape[-1]
    full = F.interpolate(field, size=(side, side), mode="bilinear").permute(0, 2, 3, 1)
    grid = full + places(side).to(full)
    return F.grid_sample(image, grid.to(image.dtype), padding_mode="border", align_corners=False)


def places(side: int) -> Tensor:
    """(1, S, S, 2) x and y of the centres of pixels, in units of half the side from the middle.

    What ``affine_grid`` gives for no transform, as a constant: exported, it costs nothing.
    """
    centres = (2 * torch.arange(side) + 1) / side - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x, y], dim=-1)[None]
