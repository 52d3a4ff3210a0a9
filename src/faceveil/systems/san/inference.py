"""A SAN with its prototypes, arranged for inference: the same function in fewer passes over memory.

The decoder's second layer takes a quarter of the plain layer's products (see
:mod:`faceveil.systems.san.nine_products`), and three things are done where the maps are small:

- the leaky ReLU and the 1x1 combiner come before the four phases of the decoder's second layer are
  interleaved, so one map is interleaved in place of 128;
- the combiner's part for the prototype is applied to the two mean faces, once per model, and its
  one map is warped to the face in place of three;
- all that is warped is warped in one pass, since the places are the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.systems.san.network import SAN
from faceveil.systems.san.nine_products import upsampled_phases
from faceveil.systems.san.prototypes import PrototypeSAN

MAPS = 128
"""Maps that the combiner gets of the decoder; the prototype's channels follow."""


class SANInference(nn.Module):
    """What :class:`PrototypeSAN` computes, for export; equal to it up to rounding.

    Args:
        model: the trained network, with or without an anchor.

    Raises:
        ValueError: if its combiner is not 1x1: a 3x3 one does not commute with interleaving.
    """

    def __init__(self, model: PrototypeSAN) -> None:
        super().__init__()
        kernel = model.san.combiner.weight.shape[-1]
        if kernel != 1:
            raise ValueError(f"combiner_kernel: got {kernel}; expected 1")
        self.model = model

    def forward(self, image: Tensor, male: Tensor, target: Tensor, theta: Tensor) -> Tensor:
        """Protect a batch; see :meth:`PrototypeSAN.forward`."""
        model = self.model
        networks = [model.san] if model.anchor is None else [model.san, model.anchor]
        faces = model.prototypes
        planes = [
            F.conv2d(faces * n.prototype_scale, n.combiner.weight[:, MAPS:]) for n in networks
        ]
        own, *anchors = planes
        mixed = [_mixed(torch.cat([faces, *anchors], 1), male), _mixed(own, target)]
        channels = faces.shape[1]
        warped = _warp(torch.cat(mixed, 1), model.grid, theta)
        x = torch.cat([image, warped[:, :channels]], 1)
        output = torch.sigmoid(_face(model.san, x) + warped[:, -1:])
        if model.anchor is None:
            return model.changed(image, output, image)
        reference = torch.sigmoid(_face(model.anchor, x) + warped[:, channels : channels + 1])
        return model.changed(image, output, reference)


def _mixed(planes: Tensor, male: Tensor) -> Tensor:
    """(2, C, S, S) for female and male, (N,) shares of male -> (N, C, S, S)."""
    return planes[0:1] + male.view(-1, 1, 1, 1) * (planes[1:2] - planes[0:1])


def _warp(planes: Tensor, grid: Tensor, theta: Tensor) -> Tensor:
    """(N, C, S, S) sampled where :meth:`PrototypeSAN.prototype` samples."""
    side = planes.shape[-1]
    places = (grid @ theta.transpose(1, 2)).reshape(-1, side, side, 2)
    return F.grid_sample(planes, places, padding_mode="border", align_corners=False)


def _face(san: SAN, x: Tensor) -> Tensor:
    """The combiner's part for the face, before the sigmoid: (N, C, S, S) -> (N, 1, S, S)."""
    x = F.avg_pool2d(F.leaky_relu(san.encoder1(x), san.leak), 2)
    x = F.avg_pool2d(F.leaky_relu(san.encoder2(x), san.leak), 2)
    x = F.leaky_relu(san.decoder1(x), san.leak)
    weight, bias = san.combiner.weight[:, :MAPS], san.combiner.bias
    maps = upsampled_phases(x, san.decoder2.weight, san.decoder2.bias)
    phases = [F.conv2d(F.leaky_relu(m, san.leak), weight, bias) for m in maps]
    half = F.pixel_shuffle(torch.cat(phases, 1), 2)
    return F.interpolate(half, scale_factor=2.0, mode="nearest")
