"""Adversary 3b, retrained from pixels: a CNN from scratch on protected faces.

Assumption: the adversary has labelled faces of its own and the protector, and runs the one on the
other. This is the adversary that decides what a protection is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.base import Scene
from faceveil.evaluation.adversaries.inputs import as_grey, check_own
from faceveil.types import Float32Array, Uint8Array

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class RetrainedCNN:
    """Four convolutions with batch normalisation, trained on the adversary's protected faces.

    Attributes:
        side: of the faces in pixels; 16 or more.
        epochs: passes over the faces.
        clean: add the unprotected faces to the training set.
    """

    side: int = 64
    epochs: int = 12
    clean: bool = False
    name: str = "retrained-cnn"
    assumption: str = "has labelled faces and the protector, and trains a CNN on protected faces"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """The network's logits of P(male).

        Raises:
            OptionError: if own faces are too few, a setting is out of range, or torch is missing.
        """
        if self.side < 16 or self.epochs < 1:
            raise OptionError(
                f"retrained CNN: got side {self.side} and {self.epochs} epochs; expected 16 px or "
                "more and at least one epoch"
            )
        check_own(scene)
        try:
            import torch
        except ImportError as error:
            raise OptionError(
                "retrained CNN adversary: torch is not installed; expected the extra: "
                'pip install "faceveil[train]"'
            ) from error
        x = self._small(scene.protect(scene.own, scene.own_male))
        y = scene.own_male.astype(np.float32)
        if self.clean:
            x, y = np.concatenate([x, self._small(scene.own)]), np.concatenate([y, y])
        with torch.random.fork_rng(devices=[]):  # the caller's random state stays as it was
            torch.manual_seed(scene.seed)
            network = _network()
            _fit(network, torch.from_numpy(x), torch.from_numpy(y), self.epochs, scene.seed)
        network.eval()
        with torch.no_grad():
            parts = torch.split(torch.from_numpy(self._small(scene.targets)), 256)
            logits = torch.cat([network(part)[:, 0] for part in parts])
        return {"cnn": np.asarray(logits.numpy(), np.float32)}

    def _small(self, crops: Uint8Array) -> Float32Array:
        size = (self.side, self.side)
        small = [cv2.resize(c, size, interpolation=cv2.INTER_AREA) for c in as_grey(crops)]
        return np.asarray(np.stack(small)[:, None] / 127.5 - 1, np.float32)


def _network() -> torch.nn.Module:
    from torch import nn

    layers: list[nn.Module] = []
    before = 1
    for width in (32, 64, 96, 128):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        before = width
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(before * 4, 1)]
    return nn.Sequential(*layers)


def _fit(
    network: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int, seed: int
) -> None:
    """AdamW on one cycle; faces are mirrored and shifted at random."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    batch = min(64, len(x))
    steps = max(1, epochs * (len(x) // batch))
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps + 1)
    generator = torch.Generator().manual_seed(seed)
    network.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=generator)
        faces = x[rows]
        if float(torch.rand(1, generator=generator)) < 0.5:
            faces = faces.flip(3)
        dx, dy = (int(v) for v in torch.randint(-3, 4, (2,), generator=generator))
        loss = F.binary_cross_entropy_with_logits(
            network(torch.roll(faces, (dy, dx), (2, 3)))[:, 0], y[rows]
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
