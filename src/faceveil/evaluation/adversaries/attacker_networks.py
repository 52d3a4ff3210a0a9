"""What a retrained CNN can look like; no protector trained against these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from faceveil.evaluation.adversaries.inputs import as_grey
from faceveil.types import Float32Array, Uint8Array

if TYPE_CHECKING:
    from torch import nn

Body = Literal["plain", "residual", "separable"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of them.

    Attributes:
        name: under which its scores are reported.
        body: what its layers are.
        side: of the faces in pixels.
        colour: whether it sees RGB (of grey crops three equal channels) or luma.
    """

    name: str
    body: Body = "plain"
    side: int = 64
    colour: bool = False

    def faces(self, crops: Uint8Array) -> Float32Array:
        """Its input: (N, 1 or 3, side, side) in [-1, 1] of (N, S, S) or (N, S, S, 3) crops."""
        seen = crops if self.colour else as_grey(crops)
        size = (self.side, self.side)
        small = np.stack([cv2.resize(c, size, interpolation=cv2.INTER_AREA) for c in seen])
        if self.colour and small.ndim == 3:
            small = np.repeat(small[..., None], 3, axis=3)
        small = small.transpose(0, 3, 1, 2) if self.colour else small[:, None]
        return np.asarray(small / 127.5 - 1, np.float32)

    def network(self) -> nn.Module:
        """Untrained: faces -> (N, 1) logits of P(male)."""
        from torch import nn

        build = {"plain": _plain, "residual": _residual, "separable": _separable}[self.body]
        layers, width = build(3 if self.colour else 1)
        head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(width * 4, 1)]
        return nn.Sequential(*layers, *head)


PLAIN = Architecture("cnn")
"""Four convolutions on luma."""

THREE = (
    PLAIN,
    Architecture("cnn-residual", "residual", side=96, colour=True),
    Architecture("cnn-separable", "separable", side=112, colour=True),
)
"""The strongest of three kinds is what a protection has to withstand."""


def _plain(before: int) -> tuple[list[nn.Module], int]:
    from torch import nn

    layers: list[nn.Module] = []
    for width in (32, 64, 96, 128):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        before = width
    return layers, before


def _residual(before: int) -> tuple[list[nn.Module], int]:
    from torch import nn

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
    from torch import nn

    layers: list[nn.Module] = [nn.Conv2d(before, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24)]
    layers += [nn.ReLU6()]
    before = 24
    for width in (48, 96, 128, 192):
        layers += [nn.Conv2d(before, before, 5, 2, 2, groups=before, bias=False)]
        layers += [nn.BatchNorm2d(before), nn.Conv2d(before, width, 1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU6()]
        before = width
    return layers, before


def _Sum(inner: nn.Module) -> nn.Module:  # noqa: N802  # a class, made where torch is there
    from torch import Tensor, nn

    class Sum(nn.Module):
        """x + f(x)."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor) -> Tensor:
            moved: Tensor = self.inner(x)
            return x + moved

    return Sum()
