"""The semi-adversarial convolutional autoencoder (SAN), ICB 2018.

Layers as in the paper's Fig. 2 and the authors' released code: two 3x3 convolutions with leaky
ReLU and average pooling (8 and 12 maps), two 3x3 convolutions with leaky ReLU and nearest-neighbour
upsampling (256 and 128 maps), and a 1x1 proto-combiner over the 128 maps and the 3 channels of a
prototype, with a sigmoid: 324,248 parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

LEAK = 0.01
"""Slope of the leaky ReLUs, PyTorch's, as in the authors' code."""


class SANOutputs(NamedTuple):
    """The three outputs of the paper, each (N, 1, H, W) in (0, 1)."""

    same: Tensor
    neutral: Tensor
    opposite: Tensor


class SAN(nn.Module):
    """The autoencoder: one grey face and prototypes in, grey faces out.

    Args:
        combiner_kernel: side of the proto-combiner's kernel: 1 as in the authors' code, or 3.
        rewrite: compute nearest upsampling followed by a convolution at the low resolution.
            Equal to the plain network up to rounding (see :func:`upsampled_conv3x3`).
        prototype_channels: 3 for RGB prototypes as in the paper, 1 for grey ones.
        prototype_scale: factor of the combiner's weights for the prototype, which are all that
            tells the opposite output from the same-gender one. The function is as general with any
            factor, but Adam moves each weight by at most its rate a step: with 1, three thousand
            steps go by before these few weights are large enough.
        leak: slope of the leaky ReLUs; Keras' is 0.3.
    """

    def __init__(
        self,
        combiner_kernel: int = 1,
        *,
        rewrite: bool = True,
        prototype_channels: int = 3,
        prototype_scale: float = 1.0,
        leak: float = LEAK,
    ) -> None:
        super().__init__()
        self.leak = leak
        if combiner_kernel not in (1, 3):
            raise ValueError(f"combiner_kernel: got {combiner_kernel}; expected 1 or 3")
        self.rewrite = rewrite
        self.prototype_scale = prototype_scale
        if prototype_channels not in (1, 3):
            raise ValueError(f"prototype_channels: got {prototype_channels}; expected 1 or 3")
        self.encoder1 = nn.Conv2d(1 + prototype_channels, 8, 3, padding=1)
        self.encoder2 = nn.Conv2d(8, 12, 3, padding=1)
        self.decoder1 = nn.Conv2d(12, 256, 3, padding=1)
        self.decoder2 = nn.Conv2d(256, 128, 3, padding=1)
        self.combiner = nn.Conv2d(
            128 + prototype_channels, 1, combiner_kernel, padding=combiner_kernel // 2
        )

    def features(self, image: Tensor, same: Tensor) -> Tensor:
        """The decoder's 128 maps before the last upsampling.

        Args:
            image: (N, 1, H, W) grey in [0, 1]; H and W are multiples of 4.
            same: (N, 3, H, W) same-gender prototype, RGB in [0, 1]; (N, 1, H, W) for grey ones.

        Returns:
            (N, 128, H/2, W/2).
        """
        x = torch.cat([image, same], dim=1)
        x = F.avg_pool2d(F.leaky_relu(self.encoder1(x), self.leak), 2)  # (N, 8, H/2, W/2)
        x = F.avg_pool2d(F.leaky_relu(self.encoder2(x), self.leak), 2)  # (N, 12, H/4, W/4)
        x = F.leaky_relu(self.decoder1(x), self.leak)  # (N, 256, H/4, W/4)
        if self.rewrite:
            x = upsampled_conv3x3(x, self.decoder2.weight, self.decoder2.bias)
        else:
            x = self.decoder2(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return F.leaky_relu(x, self.leak)

    def combine(self, features: Tensor, prototype: Tensor) -> Tensor:
        """The output for one prototype.

        Args:
            features: (N, 128, H/2, W/2) from :meth:`features`.
            prototype: (N, 3, H, W) RGB in [0, 1].

        Returns:
            (N, 1, H, W) in (0, 1).
        """
        weight, bias = self.combiner.weight, self.combiner.bias
        prototype = prototype * self.prototype_scale
        if self.rewrite and weight.shape[-1] == 1:
            # A 1x1 convolution commutes with nearest upsampling, so the 128 maps are never made
            # at full resolution.
            face = F.conv2d(features, weight[:, :128])
            face = F.interpolate(face, scale_factor=2.0, mode="nearest")
            return torch.sigmoid(face + F.conv2d(prototype, weight[:, 128:], bias))
        up = F.interpolate(features, scale_factor=2.0, mode="nearest")
        combined: Tensor = self.combiner(torch.cat([up, prototype], dim=1))
        return torch.sigmoid(combined)

    def forward(self, image: Tensor, same: Tensor, target: Tensor) -> Tensor:
        """Protect with one prototype: (N, 1, H, W), (N, 3, H, W), (N, 3, H, W) -> (N, 1, H, W)."""
        return self.combine(self.features(image, same), target)

    def take(self, other: SAN) -> None:
        """Become the same function as another SAN of this shape, whatever its prototype scale."""
        state = {k: v.clone() for k, v in other.state_dict().items()}
        state["combiner.weight"][:, 128:] *= other.prototype_scale / self.prototype_scale
        self.load_state_dict(state)

    def outputs(self, image: Tensor, same: Tensor, neutral: Tensor, opposite: Tensor) -> SANOutputs:
        """All three outputs of the paper from one pass through the encoder and decoder."""
        features = self.features(image, same)
        return SANOutputs(*(self.combine(features, p) for p in (same, neutral, opposite)))


def upsampled_conv3x3(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``conv3x3(upsample_nearest2(x))`` as four 2x2 convolutions at the low resolution.

    Of the three taps along an axis, two read the same source pixel: for even outputs taps 1 and 2,
    for odd outputs taps 0 and 1. Summing their weights first leaves 4 of 9 multiplications.

    Args:
        x: (N, C, H, W).
        weight: (D, C, 3, 3).
        bias: (D,) or None.

    Returns:
        (N, D, 2H, 2W).
    """
    n, _, h, w = x.shape
    rows = (
        torch.stack([weight[:, :, 0], weight[:, :, 1] + weight[:, :, 2]], dim=2),
        torch.stack([weight[:, :, 0] + weight[:, :, 1], weight[:, :, 2]], dim=2),
    )
    out = []
    for i, row in enumerate(rows):
        columns = (
            torch.stack([row[..., 0], row[..., 1] + row[..., 2]], dim=3),
            torch.stack([row[..., 0] + row[..., 1], row[..., 2]], dim=3),
        )
        for j, kernel in enumerate(columns):
            # Padding 1 on every side gives (H+1, W+1) outputs; phase (i, j) uses all but one row
            # and column of them.
            full = F.conv2d(x, kernel, bias, padding=1)
            out.append(full[:, :, i : i + h, j : j + w])
    phases = torch.stack(out, dim=2)  # (N, D, 4, H, W)
    return F.pixel_shuffle(phases.reshape(n, -1, h, w), 2)
