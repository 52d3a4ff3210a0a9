"""The networks that an adversary trains on protected faces; no protector trained against these."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn


def attacker_cnn(body: Literal["plain", "residual", "separable"], channels: int) -> nn.Module:
    """Untrained: (N, channels, S, S) faces in [-1, 1] -> (N, 1) logits of P(male).

    Args:
        body: four convolutions, residual blocks, or separable convolutions.
        channels: 1 for luma, 3 for RGB.
    """
    layers, width = {"plain": _plain, "residual": _residual, "separable": _separable}[body](
        channels
    )
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(width * 4, 1)]
    return nn.Sequential(*layers, *head)


class _Sum(nn.Module):
    """x + f(x)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.inner(x)
        return x + moved


def _plain(before: int) -> tuple[list[nn.Module], int]:
    layers: list[nn.Module] = []
    for width in (32, 64, 96, 128):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        before = width
    return layers, before


def _residual(before: int) -> tuple[list[nn.Module], int]:
    layers: list[nn.Module] = [nn.Conv2d(before, 32, 5, 2, 2, bias=False), nn.BatchNorm2d(32)]
    layers += [nn.ReLU()]
    before = 32
    for width in (48, 96, 144):
        layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        inner = [nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [_Sum(nn.Sequential(*inner, nn.Conv2d(width, width, 3, 1, 1)))]
        before = width
    return layers, before


def _separable(before: int) -> tuple[list[nn.Module], int]:
    layers: list[nn.Module] = [nn.Conv2d(before, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24)]
    layers += [nn.ReLU6()]
    before = 24
    for width in (48, 96, 128, 192):
        layers += [nn.Conv2d(before, before, 5, 2, 2, groups=before, bias=False)]
        layers += [nn.BatchNorm2d(before), nn.Conv2d(before, width, 1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU6()]
        before = width
    return layers, before
