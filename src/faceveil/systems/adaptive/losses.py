"""What the default's training asks of a change: out of sight, at even odds, as it is used."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from faceveil.imaging.geometry import CROP_SIZE
from faceveil.systems.adaptive.config import AdaptiveConfig
from faceveil.training.faces import luma


def even_odds(logit: Tensor) -> Tensor:
    """-mean of log p(male) and log p(female): smallest, log 2, where both are a half."""
    return (F.softplus(logit) + F.softplus(-logit)).mean() / 2


def smallness(change: Tensor) -> dict[str, Tensor]:
    """What keeps a change (N, 3, S, S) from sight.

    Returns:
        ``square``, its mean square; ``smooth``, its total variation per pixel; ``tone``, the mean
        square of its chroma, averaged over 8 x 8 pixels: skin keeps its colour.
    """
    chroma = F.avg_pool2d(change - luma(change), 8)
    across = (change[..., 1:] - change[..., :-1]).abs().mean()
    down = (change[..., 1:, :] - change[..., :-1, :]).abs().mean()
    return {
        "square": change.square().mean(),
        "smooth": across + down,
        "tone": chroma.square().mean(),
    }


def beyond_nearby(image: Tensor, made: Tensor, reach: int = 8) -> Tensor:
    """How far faces leave the range of each colour within ``reach`` pixels: mean square; scalar.

    Highlights brighter than all around them, smudges darker, red or teal where hair is grey: what
    no move of a feature or of a tone makes. Looked at in cells of two pixels, so grain is free.
    """
    before, after = F.avg_pool2d(image, 2), F.avg_pool2d(made, 2)
    across, down = (1, reach + 1), (reach + 1, 1)
    pads = (0, reach // 2), (reach // 2, 0)
    top, low = before, -before
    for kernel, pad in zip((across, down), pads, strict=True):
        top = F.max_pool2d(top, kernel, 1, pad)
        low = F.max_pool2d(low, kernel, 1, pad)
    return (F.relu(after - top) + F.relu(-low - after)).square().mean()


def veiled(image: Tensor, made: Tensor) -> Tensor:
    """The local contrast of eyes and mouth that a change takes away: mean square; scalar."""

    def contrast(x: Tensor) -> Tensor:
        grey = luma(x)[:, :1]
        size, step = max(2, image.shape[-1] // 16), max(1, image.shape[-1] // 32)
        mean = F.avg_pool2d(grey, size, step)
        return (F.avg_pool2d(grey.square(), size, step) - mean.square()).clamp(min=1e-6).sqrt()

    lost = F.relu(0.95 * contrast(image) - contrast(made))
    side = lost.shape[-1]
    at = (torch.arange(side, device=lost.device) + 0.5) * (CROP_SIZE / side)
    y, x = torch.meshgrid(at, at, indexing="ij")
    where = torch.zeros_like(x)
    for (cx, cy), (rx, ry) in (((80, 92), (22, 14)), ((144, 92), (22, 14)), ((112, 156), (32, 18))):
        where = torch.maximum(where, (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1).to(x))
    return (lost.square() * where).sum() / (where.sum() * len(lost))


class AsUsed:
    """The change as the protector applies it, differentiably.

    What :class:`~faceveil.systems.adaptive.protector.AdaptiveProtector` does to a network's change:
    its colour smoothed and weakened, all of it smoothed and multiplied. A network that is trained
    on this is not stretched beyond what it learned when it is used.

    Args:
        config: gain, smoothing and strength.
    """

    def __init__(self, config: AdaptiveConfig) -> None:
        pixel = config.frame / CROP_SIZE
        self.gain = config.gain * config.used_strength
        self.chroma = config.chroma_gain
        self.fine = gaussian(config.smoothing * pixel)
        self.coarse = gaussian(config.chroma_smoothing * pixel)

    def __call__(self, image: Tensor, made: Tensor) -> Tensor:
        """Faces (N, 3, S, S) and what the network makes of them -> protected faces in [0, 1]."""
        change = made - image
        grey = luma(change)
        change = grey + self.chroma * blurred(change - grey, self.coarse)
        return (image + self.gain * blurred(change, self.fine)).clamp(0, 1)


def gaussian(sigma: float) -> Tensor:
    """Taps of a Gaussian, out to three sigma: (K,) with sum 1."""
    reach = max(1, round(3 * sigma))
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    taps = torch.exp(-0.5 * (at / max(sigma, 1e-3)).square())
    return taps / taps.sum()


def blurred(x: Tensor, taps: Tensor) -> Tensor:
    """Separable filter of (N, C, H, W), borders reflected as OpenCV does."""
    pad = len(taps) // 2
    n, c, h, w = x.shape
    # Channels as a batch: a convolution in groups is many times slower on a CPU.
    maps = x.reshape(n * c, 1, h, w)
    kernel = taps.to(x)[None, None, None]
    maps = F.conv2d(F.pad(maps, (pad, pad, 0, 0), mode="reflect"), kernel)
    maps = F.conv2d(F.pad(maps, (0, 0, pad, pad), mode="reflect"), kernel.transpose(2, 3))
    return maps.reshape(n, c, h, w)
