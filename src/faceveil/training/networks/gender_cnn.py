"""The auxiliary gender classifier of SAN (ICB 2018, Fig. 4).

Six 3x3 convolutions, each with leaky ReLU and 2x2 max-pooling, to 4x4x256 at 224 px (2x2x256 at
128 px), two fully connected layers with dropout 0.5. Two departures, both switchable: batch
normalisation, without which the network stays at chance for hundreds of steps, and one logit in
place of two (a sigmoid of their difference is the same function).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class GenderCNN(nn.Module):
    """Reads the logit of P(male) from a face crop.

    Args:
        frame: side of the crop in pixels.
        widths: maps of the convolutions, each followed by a halving.
        channels: 1 for grey, 3 for RGB.
        hidden: width of the first fully connected layer.
        dropout: drop probability before each fully connected layer.
        norm: batch normalisation after each convolution.
    """

    def __init__(
        self,
        frame: int = 128,
        widths: Sequence[int] = (32, 64, 128, 128, 256, 256),
        channels: int = 1,
        hidden: int = 256,
        dropout: float = 0.5,
        *,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.frame, self.widths, self.channels = frame, tuple(widths), channels
        blocks: list[nn.Module] = []
        size = frame
        for i, width in enumerate(widths):
            before = channels if i == 0 else widths[i - 1]
            blocks.append(nn.Conv2d(before, width, 3, padding=1, bias=not norm))
            if norm:
                blocks.append(nn.BatchNorm2d(width))
            blocks.append(nn.LeakyReLU(0.01))
            blocks.append(nn.MaxPool2d(2, ceil_mode=True))
            size = (size + 1) // 2
        self.convolutions = nn.Sequential(*blocks)
        self.hidden = nn.Linear(widths[-1] * size * size, hidden)
        self.output = nn.Linear(hidden, 1)
        self.dropout = dropout

    def forward(self, image: Tensor) -> Tensor:
        """Logits of P(male): (N, C, frame, frame) in [0, 1] -> (N,)."""
        x = self.convolutions(2 * image - 1).flatten(1)
        x = F.leaky_relu(self.hidden(F.dropout(x, self.dropout, self.training)), 0.01)
        logit: Tensor = self.output(F.dropout(x, self.dropout, self.training))
        return logit[:, 0]


class GenderProbability(nn.Module):
    """P(male) from a logit network, the form that is exported: (N, C, S, S) -> (N,)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """P(male) in [0, 1]."""
        return torch.sigmoid(self.network(image))
