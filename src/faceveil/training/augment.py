"""Random views of a batch of faces, drawn on the CPU from one seeded generator."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def random_view(
    x: Tensor,
    generator: torch.Generator,
    *,
    degrees: float = 12.0,
    scale: float = 0.15,
    shift: float = 0.08,
    blur: float = 0.3,
    tone: float = 0.2,
    size: int | None = None,
) -> Tensor:
    """A differentiable random view: rotated, scaled, shifted, flipped, sometimes blurred, toned.

    Args:
        x: (N, C, S, S) in [0, 1].
        generator: where the randomness comes from.
        degrees: rotation is uniform in plus or minus this.
        scale: log-uniform scale in plus or minus this (natural logarithm).
        shift: shift along each axis as a fraction of the side.
        blur: probability of a 3-pixel or 5-pixel binomial blur of the whole batch.
        tone: contrast and brightness change in plus or minus this (brightness half of it).
        size: side of the view; the input's where None.

    Returns:
        (N, C, size, size).
    """
    n, _, side, _ = x.shape

    def uniform(spread: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * spread

    angle = uniform(math.radians(degrees))
    zoom = torch.exp(uniform(scale))
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack(
        [
            torch.stack([cos * flip, -sin, 2 * uniform(shift)], dim=1),
            torch.stack([sin * flip, cos, 2 * uniform(shift)], dim=1),
        ],
        dim=1,
    )  # (N, 2, 3)
    contrast, brightness = 1 + uniform(tone), uniform(tone / 2)
    kernel = int(torch.randint(0, 2, (1,), generator=generator))
    blurred = float(torch.rand(1, generator=generator)) < blur
    x = warp(x, theta, size or side)
    if blurred:
        x = binomial_blur(x, 3 if kernel else 5)
    tone_shape = (n, 1, 1, 1)
    contrast = contrast.to(x.device, x.dtype).view(tone_shape)
    brightness = brightness.to(x.device, x.dtype).view(tone_shape)
    return (x - 0.5) * contrast + 0.5 + brightness


def joint_view(
    images: Tensor,
    theta: Tensor,
    generator: torch.Generator,
    crop: int,
    flip: Literal["together", "image", "none"] = "together",
) -> tuple[Tensor, Tensor]:
    """Flip and crop faces and their prototypes together.

    The SAN authors' loader does so to the image only, so that a flipped face meets an unflipped
    prototype: that is ``flip="image"``.

    Args:
        images: (N, C, S, S).
        theta: (N, 2, 3) prototype warps, in coordinates from -1 to 1.
        generator: where the randomness comes from.
        crop: each face is shifted by up to this many whole pixels along both axes, border
            replicated.
        flip: half of the faces are mirrored with their prototypes, or without, or none is.

    Returns:
        The faces, and the warps that bring the prototypes to the same place.
    """
    n, side = len(images), images.shape[-1]
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    if flip == "none":
        mirror = torch.ones(n)
    pixels = torch.randint(-crop, crop + 1, (n, 2), generator=generator)
    view = torch.eye(3).repeat(n, 1, 1)  # from the new frame to the old, homogeneous
    view[:, 0, 0] = mirror
    view[:, :2, 2] = pixels * (2 / side)
    if bool((pixels == 0).all()):  # exact, and quicker than sampling
        mirrored = (mirror < 0).view(n, 1, 1, 1).to(images.device)
        images = torch.where(mirrored, images.flip(3), images)
    else:
        images = warp(images, view[:, :2], side)
    if flip == "image":
        view[:, 0, 0] = 1
    return images, theta @ view


def warp(x: Tensor, theta: Tensor, size: int) -> Tensor:
    """Bilinear warp by (N, 2, 3) matrices in normalised coordinates, border replicated."""
    shape = [x.shape[0], x.shape[1], size, size]
    grid = F.affine_grid(theta.to(x.device, x.dtype), shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def binomial_blur(x: Tensor, width: int) -> Tensor:
    """Separable binomial blur of 3 or 5 taps, border replicated: (N, C, H, W)."""
    taps = {3: (1.0, 2.0, 1.0), 5: (1.0, 4.0, 6.0, 4.0, 1.0)}[width]
    kernel = torch.tensor(taps, dtype=x.dtype, device=x.device)
    kernel = (kernel / kernel.sum()).repeat(x.shape[1], 1, 1, 1)  # (C, 1, 1, width)
    pad = width // 2
    x = F.conv2d(F.pad(x, (pad, pad, 0, 0), mode="replicate"), kernel, groups=x.shape[1])
    x = F.pad(x, (0, 0, pad, pad), mode="replicate")
    return F.conv2d(x, kernel.transpose(2, 3), groups=x.shape[1])
