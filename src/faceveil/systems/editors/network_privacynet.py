"""PrivacyNet's generator and discriminator (Mirjalili et al., IEEE TIP 2020).

Its authors published no code. The networks are those of StarGAN (Choi 2018), which the paper builds
on, with the target labels as extra input channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEAK = 0.01


class _Residual(nn.Module):
    """Two 3x3 convolutions with instance normalisation, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.InstanceNorm2d(width, affine=True),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.InstanceNorm2d(width, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class Generator(nn.Module):
    """A face and target labels in, a face with those labels out.

    A 7x7 convolution, two that halve the side, residual blocks, two transposed ones, a 7x7
    convolution with tanh; instance normalisation throughout.

    Args:
        labels: length of the label vector.
        width: maps of the first layer (64 in StarGAN).
        blocks: residual blocks.
    """

    def __init__(self, labels: int, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        self.labels = labels

        def step(convolution: nn.Module, maps: int) -> list[nn.Module]:
            return [convolution, nn.InstanceNorm2d(maps, affine=True), nn.ReLU()]

        w = width
        layers = step(nn.Conv2d(3 + labels, w, 7, 1, 3, bias=False), w)
        layers += step(nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), 2 * w)
        layers += step(nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), 4 * w)
        layers += [_Residual(4 * w) for _ in range(blocks)]
        layers += step(nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), 2 * w)
        layers += step(nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), w)
        self.body = nn.Sequential(*layers, nn.Conv2d(w, 3, 7, 1, 3, bias=False), nn.Tanh())

    def forward(self, image: Tensor, labels: Tensor) -> Tensor:
        """(N, 3, S, S) in [0, 1] and (N, labels) in [0, 1] -> (N, 3, S, S) in [0, 1]."""
        spread = labels[:, :, None, None].expand(-1, -1, *image.shape[2:]).to(image.dtype)
        out: Tensor = self.body(torch.cat([2 * image - 1, spread], dim=1))
        return (out + 1) / 2


class Discriminator(nn.Module):
    """PatchGAN critic and label head on one backbone of 4x4 stride-2 convolutions.

    Args:
        frame: side of the faces in pixels.
        labels: outputs of the label head.
        width: maps of the first layer, doubled by each (64 in StarGAN).
        layers: convolutions; 6 in StarGAN.
    """

    def __init__(self, frame: int, labels: int, width: int = 64, layers: int = 6) -> None:
        super().__init__()
        body: list[nn.Module] = []
        before, after = 3, width
        for _ in range(layers):
            body += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(_LEAK)]
            before, after = after, 2 * after
        self.backbone = nn.Sequential(*body)
        self.realness = nn.Conv2d(before, 1, 3, 1, 1, bias=False)
        self.labels = nn.Conv2d(before, labels, frame // 2**layers, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) in [0, 1] -> critic's score (N,), the patches' mean; logits (N, labels)."""
        x = self.backbone(2 * image - 1)
        return self.realness(x).flatten(1).mean(1), self.labels(x).flatten(1)
