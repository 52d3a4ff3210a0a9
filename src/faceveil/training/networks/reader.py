"""Gender readers: small strided networks, the guides and the judges that a protector has to face.

Where SAN's classifier (:mod:`faceveil.training.networks.gender_cnn`) is one shape at one
resolution, these are made to differ: in what they see of the crop, at which resolution, and in how
they are built. Halving by strides makes each an eighth of that classifier's arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Body = Literal["plain", "residual", "separable"]

LIFT = 0.06
"""How far above the crop's middle a tight crop's middle lies, in sides: there the face's is."""


class Reader(nn.Module):
    """Reads the logit of P(male) from a face crop.

    Args:
        body: ``plain`` 3x3 convolutions, ``residual`` blocks, or ``separable`` 5x5 convolutions.
        frame: side of the whole crop in pixels, as it is passed in.
        zoom: how tightly it looks: 1 sees the whole crop, 1.5 two thirds of its side.
        widths: maps of the layers, each of which halves the size.
        channels: 1 for grey, 3 for RGB.
        dropout: drop probability before the last layer.
    """

    def __init__(
        self,
        body: Body,
        frame: int,
        zoom: float = 1.0,
        widths: Sequence[int] = (32, 64, 96, 128),
        channels: int = 3,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.seen = round(frame / zoom)
        self.left = (frame - self.seen) // 2
        self.top = max(0, self.left - round(LIFT * frame))
        layers: list[nn.Module] = _layer(channels, widths[0], 5)
        for before, width in itertools.pairwise(widths):
            if body == "separable":
                layers += [nn.Conv2d(before, before, 5, 2, 2, groups=before, bias=False)]
                layers += [nn.BatchNorm2d(before), *_layer(before, width, 1, stride=1)]
            else:
                layers += _layer(before, width, 3)
                layers += [_Residual(width)] if body == "residual" else []
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(widths[-1], 1)
        self.dropout = dropout

    def forward(self, image: Tensor) -> Tensor:
        """Logits of P(male): (N, C, frame, frame) in [0, 1] -> (N,)."""
        rows, columns = (
            slice(self.top, self.top + self.seen),
            slice(self.left, self.left + self.seen),
        )
        x = self.layers(2 * image[:, :, rows, columns] - 1).mean(dim=(2, 3))
        logit: Tensor = self.output(F.dropout(x, self.dropout, self.training))
        return logit[:, 0]


class _Residual(nn.Module):
    """x + f(x), f two 3x3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = [nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)]
        self.inner = nn.Sequential(*_layer(width, width, 3, stride=1), *last)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.leaky_relu(x + self.inner(x), 0.1)
        return out


def _layer(before: int, width: int, kernel: int, stride: int = 2) -> list[nn.Module]:
    """A convolution, batch normalisation and leaky ReLU."""
    convolution = nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.LeakyReLU(0.1)]
