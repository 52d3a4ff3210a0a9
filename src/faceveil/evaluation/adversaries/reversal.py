"""Adversary 7, reversal: a U-Net learns from pairs to undo the protection, then judges read.

Assumption: the adversary has faces of its own and the protector, hence pairs of protected and
original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.adversaries.base import Scene, by_judges
from faceveil.evaluation.adversaries.inputs import check_own
from faceveil.evaluation.metrics.quality import psnr
from faceveil.imaging.crop import grey_levels
from faceveil.types import Float32Array, Uint8Array

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Reversal:
    """The U-Net's reconstruction in place of the face, read by each judge.

    Attributes:
        side: of the faces that the network sees, in pixels; a multiple of 4.
        epochs: passes over the adversary's faces.
        width: maps of the first level.
    """

    side: int = 128
    epochs: int = 6
    width: int = 16
    name: str = "reversal"
    assumption: str = "has faces and the protector, and trains a U-Net from protected to original"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """P(male) of the reconstructions by judge."""
        return by_judges(scene, self.reconstruct(scene))

    def reconstruct(self, scene: Scene) -> Uint8Array:
        """The targets as the network thinks they were: uint8, of the targets' shape.

        Raises:
            OptionError: if own faces are too few, a setting is out of range, or torch is missing.
        """
        if self.side < 4 or self.side % 4 or self.epochs < 1 or self.width < 1:
            raise OptionError(
                f"reversal: got side {self.side}, {self.epochs} epochs, width {self.width}; "
                "expected a side that is a multiple of 4, the others at least 1"
            )
        check_own(scene)
        try:
            import torch
        except ImportError as error:
            raise OptionError(str(missing_extra("reversal adversary", error, "train"))) from error
        with torch.random.fork_rng(devices=[]):  # the caller's random state stays as it was
            torch.manual_seed(scene.seed)
            network = _unet(self.width)
        x = self._small(scene.protect(scene.own, scene.own_male))
        _fit(network, x, self._small(scene.own), self.epochs, scene.seed)
        parts = []
        with torch.no_grad():
            for part in torch.split(torch.from_numpy(self._small(scene.targets)), 64):
                parts.append(network(part)[:, 0].numpy())
        # What the network changed is brought to the crop; the rest keeps its detail.
        change = np.concatenate(parts)
        size = scene.targets.shape[2:0:-1]
        up = np.stack([cv2.resize(c, size, interpolation=cv2.INTER_CUBIC) for c in change])
        up = up if scene.targets.ndim == 3 else up[..., None]
        return np.asarray(np.clip(np.rint(scene.targets + 255 * up), 0, 255), np.uint8)

    def _small(self, crops: Uint8Array) -> Float32Array:
        size = (self.side, self.side)
        small = [cv2.resize(c, size, interpolation=cv2.INTER_AREA) for c in grey_levels(crops)]
        return np.asarray(np.stack(small)[:, None] / 255, np.float32)


def mean_psnr(original: Uint8Array, reconstructed: Uint8Array) -> float:
    """Mean PSNR in dB of equal-shaped pictures (N, ...); equal pictures count as 99 dB."""
    pairs = zip(original, reconstructed, strict=True)
    return float(np.mean([min(psnr(o, x), 99.0) for o, x in pairs]))


def gain_in_psnr(original: Uint8Array, protected: Uint8Array, reconstructed: Uint8Array) -> float:
    """Mean PSNR of the reconstructions less that of the protected faces, in dB."""
    return mean_psnr(original, reconstructed) - mean_psnr(original, protected)


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
