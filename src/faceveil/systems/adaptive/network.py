"""The network of the default protector: a face and a wish in, a bounded change out.

A U-Net that is told the wish at every scale. It bends the picture a little (a coarse warp field:
jaw, brows, lips) and adds a residual. Upsampling is bilinear, so that no checkerboard can arise.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.systems.adaptive.sampling import bend


class _Block(nn.Module):
    """Two 3x3 convolutions; after each, batch normalisation whose gain and offset the wish sets."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.wish = nn.Linear(1, 4 * width)
        nn.init.normal_(self.wish.weight, std=0.1)
        nn.init.zeros_(self.wish.bias)

    def forward(self, x: Tensor, wish: Tensor) -> Tensor:
        gain1, shift1, gain2, shift2 = self.wish(wish)[:, :, None, None].chunk(4, dim=1)
        x = F.leaky_relu(self.norm1(self.conv1(x)) * (1 + gain1) + shift1, 0.1)
        return F.leaky_relu(self.norm2(self.conv2(x)) * (1 + gain2) + shift2, 0.1)


class ResidualEditor(nn.Module):
    """Changes a face towards a wish.

    Args:
        widths: maps at each scale, from the full one down; each scale halves the side.
        bound: largest residual, of the range [0, 1].
        reach: largest displacement of the warp, of half the side; 0 for no warp.
        oval: whether the change ends softly at the face's oval.
    """

    def __init__(
        self,
        widths: Sequence[int] = (24, 48, 96, 128),
        bound: float = 0.35,
        reach: float = 0.04,
        *,
        oval: bool = False,
    ) -> None:
        super().__init__()
        self.bound, self.reach, self.oval = bound, reach, oval
        down, before = [], 3
        for width in widths:
            down.append(_Block(before, width))
            before = width
        self.down = nn.ModuleList(down)
        self.up = nn.ModuleList(
            _Block(deep + skip, skip)
            for deep, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.residual = nn.Conv2d(widths[0], 3, 3, 1, 1)
        self.warp = nn.Conv2d(widths[-1], 2, 3, 1, 1)
        for layer in (self.residual, self.warp):  # it begins by changing nothing
            nn.init.normal_(layer.weight, std=1e-3)
            nn.init.zeros_(layer.bias if layer.bias is not None else torch.empty(0))

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """The changed faces.

        Args:
            image: (N, 3, S, S) RGB in [0, 1]; S a multiple of 2 to the number of scales less one.
            target: (N,) what to read as: 1 male, 0 female, 0.5 neutral.

        Returns:
            (N, 3, S, S), beyond [0, 1] where the change saturates.
        """
        wish = (2 * target - 1)[:, None].to(image.dtype)
        x, skips = 2 * image - 1, []
        for k, block in enumerate(self.down):
            x = block(x if k == 0 else F.avg_pool2d(x, 2), wish)
            skips.append(x)
        deep = x
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear")
            x = block(torch.cat([x, skip], dim=1), wish)
        residual = self.bound * torch.tanh(self.residual(x))
        bent = image
        if self.reach > 0:
            bent = bend(image, self.reach * torch.tanh(self.warp(deep)))
        if not self.oval:
            return bent + residual
        return image + face_oval(image.shape[-1]).to(image) * (bent - image + residual)


def face_oval(side: int) -> Tensor:
    """Where a face lies in the canonical crop: (1, 1, S, S), 1 inside, falling to 0 outside.

    An ellipse from the hairline to the chin. Of the crop's 224 pixels it has half axes of 68 and
    88 about (112, 118), and its edge is some 20 pixels wide.
    """
    at = (torch.arange(side) + 0.5) * (224 / side) - 0.5
    y, x = torch.meshgrid(at, at, indexing="ij")
    radius = (((x - 112) / 68) ** 2 + ((y - 118) / 88) ** 2).sqrt()
    inside = ((1.14 - radius) / 0.28).clamp(0, 1)
    return (inside * inside * (3 - 2 * inside))[None, None]
