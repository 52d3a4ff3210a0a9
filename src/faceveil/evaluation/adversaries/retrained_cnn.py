"""Adversary 3b, retrained from pixels: CNNs from scratch on protected faces.

Assumption: the adversary has labelled faces of its own and the protector, and runs the one on the
other. This is the adversary that decides what a protection is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.adversaries.attacker_networks import PLAIN, Architecture
from faceveil.evaluation.adversaries.base import Scene
from faceveil.evaluation.adversaries.inputs import check_own
from faceveil.types import Float32Array, Uint8Array

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class RetrainedCNN:
    """Networks trained on the adversary's protected faces.

    Attributes:
        architectures: which.
        epochs: passes over the faces.
        clean: add the unprotected faces to the training set.
    """

    architectures: tuple[Architecture, ...] = (PLAIN,)
    epochs: int = 12
    clean: bool = False
    name: str = "retrained-cnn"
    assumption: str = "has labelled faces and the protector, and trains a CNN on protected faces"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """Each network's logits of P(male), by its name.

        Raises:
            OptionError: if own faces are too few, a setting is out of range, or torch is missing.
        """
        if self.epochs < 1 or any(a.side < 16 for a in self.architectures):
            raise OptionError(
                f"retrained CNN: got {self.architectures} and {self.epochs} epochs; expected sides "
                "of 16 px or more and at least one epoch"
            )
        check_own(scene)
        try:
            import torch
        except ImportError as error:
            raise OptionError(
                str(missing_extra("retrained CNN adversary", error, "train"))
            ) from error
        own = scene.protect(scene.own, scene.own_male)
        y = torch.from_numpy(scene.own_male.astype(np.float32))
        if self.clean:
            own, y = np.concatenate([own, scene.own]), torch.cat([y, y])
        return {a.name: self._logits(a, own, y, scene) for a in self.architectures}

    def _logits(
        self, architecture: Architecture, own: Uint8Array, y: torch.Tensor, scene: Scene
    ) -> Float32Array:
        import torch

        with torch.random.fork_rng(devices=[]):  # the caller's random state stays as it was
            torch.manual_seed(scene.seed)
            network = architecture.network()
            x = torch.from_numpy(architecture.faces(own))
            _fit(network, x, y, self.epochs, scene.seed)
        network.eval()
        with torch.no_grad():
            parts = torch.split(torch.from_numpy(architecture.faces(scene.targets)), 256)
            logits = torch.cat([network(part)[:, 0] for part in parts])
        return np.asarray(logits.numpy(), np.float32)


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
