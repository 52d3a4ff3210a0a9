"""A small residual network for the judges that come with the package.

Plain 3x3 convolutions (quick on a CPU in both directions), four stages from 56 to 7 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class _Block(nn.Module):
    """Two 3x3 convolutions and a shortcut; halves the size where ``stride`` is 2."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.act1 = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.act2 = nn.PReLU(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.act1(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y)) + self.shortcut(x)
        out: Tensor = self.act2(y)
        return out


class FaceResNet(nn.Module):
    """An embedding, or logits, of a 112x112 RGB face.

    Args:
        outputs: width of the output: the embedding's length, or 1 for one logit.
        widths: maps of the four stages (56, 28, 14 and 7 pixels); the first at least 32.
        blocks: residual blocks of each stage.
        dropout: drop probability before the last layer.
    """

    def __init__(
        self,
        outputs: int,
        widths: Sequence[int] = (32, 64, 128, 192),
        blocks: Sequence[int] = (1, 2, 2, 1),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if widths[0] < 32:
            # Below 16 maps in the stem, torch 2.13's channels-last convolutions on the CPU were
            # seen to write beyond their buffers (segmentation faults, "corrupted size").
            raise ValueError(f"widths: the first is {widths[0]}; expected at least 32")
        stem = widths[0] // 2
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.PReLU(stem)
        )
        layers: list[nn.Module] = []
        before = stem
        for width, count in zip(widths, blocks, strict=True):
            for i in range(count):
                layers.append(_Block(before, width, 2 if i == 0 else 1))
                before = width
        self.body = nn.Sequential(*layers)
        self.output = nn.Linear(before * 49, outputs)
        self.dropout = dropout

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, 112, 112) RGB in [0, 1] -> (N, outputs)."""
        x = self.body(self.stem(2 * image - 1)).flatten(1)
        out: Tensor = self.output(F.dropout(x, self.dropout, self.training))
        return out
