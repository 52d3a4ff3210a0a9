"""The other two auxiliary gender classifiers of the SAN literature.

Both have two outputs, female and male, which are given as one logit of P(male). ``norm`` adds batch
normalisation, which neither has; without it they stay at chance for hundreds of steps.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class OfficialGenderCNN(nn.Module):
    """The classifier of the SAN authors' released code.

    Convolutions of 32 (5x5), 64, 128, 256, 256 and 512 maps (3x3), max-pooling after the first
    five, channel dropout 0.25, the mean over what is left, dropout 0.25, a linear layer of two
    outputs, whose softmax is a sigmoid of their difference.

    Args:
        channels: 1 for grey, 3 for RGB.
        norm: batch normalisation after each convolution.
    """

    def __init__(self, channels: int = 1, *, norm: bool = False) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        before = channels
        for i, width in enumerate((32, 64, 128, 256, 256, 512)):
            side = 5 if i == 0 else 3
            blocks.append(nn.Conv2d(before, width, side, padding=side // 2))
            blocks += [nn.BatchNorm2d(width)] if norm else []
            blocks.append(nn.LeakyReLU(0.01))
            blocks += [nn.MaxPool2d(2)] if i < 5 else []
            before = width
        self.convolutions = nn.Sequential(*blocks)
        self.output = nn.Linear(before, 2)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of P(male): (N, C, H, W) in [0, 1] -> (N,); 7x7 maps are left of 224 px."""
        x = F.dropout2d(self.convolutions(image), 0.25, self.training)
        out: Tensor = self.output(F.dropout(x.mean(dim=(2, 3)), 0.25, self.training))
        return out[:, 1] - out[:, 0]


class KerasGenderCNN(nn.Module):
    """The classifier of the 2019 Keras re-implementation (Marino & Pepe), for 224 px.

    Unpadded convolutions of 32 (5x5), 64, 64, 128, 128 and 256 maps (3x3), each with leaky ReLU
    (0.3, Keras' default) and max-pooling, which leave 1x1x256; a dense layer of 256, dropout 0.5,
    leaky ReLU, a dense layer of two sigmoids, which Keras' categorical cross-entropy divides by
    their sum. Their report's text says 4x4x256 before the dense layers; their code does this.

    Args:
        channels: 1 for grey, 3 for RGB.
        norm: batch normalisation after each convolution.
    """

    def __init__(self, channels: int = 1, *, norm: bool = False) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        before = channels
        for i, width in enumerate((32, 64, 64, 128, 128, 256)):
            blocks.append(nn.Conv2d(before, width, 5 if i == 0 else 3))
            blocks += [nn.BatchNorm2d(width)] if norm else []
            blocks += [nn.LeakyReLU(0.3), nn.MaxPool2d(2)]
            before = width
        self.convolutions = nn.Sequential(*blocks)
        self.hidden = nn.Linear(before, 256)
        self.output = nn.Linear(256, 2)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of P(male): (N, C, 224, 224) in [0, 1] -> (N,)."""
        x = F.dropout(self.hidden(self.convolutions(image).flatten(1)), 0.5, self.training)
        out: Tensor = F.logsigmoid(self.output(F.leaky_relu(x, 0.3)))
        return out[:, 1] - out[:, 0]
