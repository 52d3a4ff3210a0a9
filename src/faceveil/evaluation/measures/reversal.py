"""The adversary that undoes: a U-Net learns from pairs of protected and original, judges read.

It has faces of its own and the protector, hence the pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.case import Case
from faceveil.evaluation.measures.adversaries import own_faces
from faceveil.imaging.crop import grey_levels
from faceveil.types import Float32Array, Uint8Array

if TYPE_CHECKING:
    import torch


def reversal(
    case: Case, side: int = 128, epochs: int = 6, width: int = 16
) -> dict[str, Float32Array]:
    """P(male) of the U-Net's reconstructions by judge; arguments as of :func:`reconstruct`."""
    return dict(case.p_male(reconstruct(case, side, epochs, width)))


def reconstruct(case: Case, side: int, epochs: int, width: int) -> Uint8Array:
    """The protected faces as the network thinks they were.

    Args:
        case: with own faces.
        side: of the faces that the network sees, in pixels; a multiple of 4.
        epochs: passes over the adversary's faces.
        width: maps of the first level.

    Returns:
        uint8, of the shape of :attr:`Case.learnable`.

    Raises:
        OptionError: if own faces are too few, a setting is out of range, or torch is missing.
    """
    if side < 4 or side % 4 or epochs < 1 or width < 1:
        raise OptionError(
            f"reversal: got side {side}, {epochs} epochs, width {width}; expected a side that is a "
            "multiple of 4, the others at least 1"
        )
    own, targets = own_faces(case), case.learnable
    try:
        import torch
    except ImportError as error:
        raise OptionError(str(missing_extra("reversal adversary", error, "train"))) from error
    with torch.random.fork_rng(devices=[]):  # the caller's random state stays as it was
        torch.manual_seed(case.seed)
        network = _unet(width)
    _fit(network, _small(case.own_protected, side), _small(own.crops, side), epochs, case.seed)
    parts = []
    with torch.no_grad():
        for part in torch.split(torch.from_numpy(_small(targets, side)), 64):
            parts.append(network(part)[:, 0].numpy())
    # What the network changed is brought to the crop; the rest keeps its detail.
    change = np.concatenate(parts)
    size = targets.shape[2:0:-1]
    up = np.stack([cv2.resize(c, size, interpolation=cv2.INTER_CUBIC) for c in change])
    up = up if targets.ndim == 3 else up[..., None]
    return np.asarray(np.clip(np.rint(targets + 255 * up), 0, 255), np.uint8)


def _small(crops: Uint8Array, side: int) -> Float32Array:
    """What the network sees: (N, 224, 224[, 3]) uint8 -> (N, 1, side, side) in [0, 1]."""
    small = [cv2.resize(c, (side, side), interpolation=cv2.INTER_AREA) for c in grey_levels(crops)]
    return np.asarray(np.stack(small)[:, None] / 255, np.float32)


def _unet(width: int) -> torch.nn.Module:
    """Two halvings and back, with shortcuts; the output is the change, (N, 1, H, W)."""
    import torch
    from torch import nn
    from torch.nn import functional as F  # noqa: N812

    def block(before: int, after: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1), nn.ReLU(),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([block(1, width), block(width, 2 * width)])
            self.middle = block(2 * width, 4 * width)
            self.up = nn.ModuleList([block(6 * width, 2 * width), block(3 * width, width)])
            self.out = nn.Conv2d(width, 1, 1)
            for parameter in self.out.parameters():
                nn.init.zeros_(parameter)  # before training, the face as it is

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = []
            for stage in self.down:
                x = stage(x)
                kept.append(x)
                x = F.max_pool2d(x, 2)
            x = self.middle(x)
            for stage, shortcut in zip(self.up, reversed(kept), strict=True):
                x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), shortcut], dim=1))
            change: torch.Tensor = self.out(x)
            return change

    return UNet()


def _fit(
    network: torch.nn.Module, x: Float32Array, y: Float32Array, epochs: int, seed: int
) -> None:
    import torch

    protected, original = torch.from_numpy(x), torch.from_numpy(y)
    batch = min(16, len(x))
    steps = max(1, epochs * (len(x) // batch))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps + 1)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(protected), (batch,), generator=generator)
        faces = protected[rows]
        loss = (faces + network(faces) - original[rows]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
