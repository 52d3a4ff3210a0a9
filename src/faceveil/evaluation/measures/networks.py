"""Adversaries that train CNNs from scratch on protected faces.

They have labelled faces of their own and the protector, and run the one on the other. These decide
what a protection is worth; no protector trained against these networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.case import Case
from faceveil.evaluation.measures.adversaries import own_faces
from faceveil.imaging.crop import grey_levels
from faceveil.types import Float32Array, Uint8Array

if TYPE_CHECKING:
    import torch
    from torch import nn

Body = Literal["plain", "residual", "separable"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a retrained CNN can look like.

    Attributes:
        name: under which its scores are reported.
        body: four convolutions, residual blocks, or separable convolutions.
        side: of the faces in pixels.
        colour: whether it sees RGB (of grey crops three equal channels) or luma.
    """

    name: str
    body: Body = "plain"
    side: int = 64
    colour: bool = False

    def faces(self, crops: Uint8Array) -> Float32Array:
        """Its input: (N, 1 or 3, side, side) in [-1, 1] of (N, S, S) or (N, S, S, 3) crops."""
        seen = crops if self.colour else grey_levels(crops)
        size = (self.side, self.side)
        small = np.stack([cv2.resize(c, size, interpolation=cv2.INTER_AREA) for c in seen])
        if self.colour and small.ndim == 3:
            small = np.repeat(small[..., None], 3, axis=3)
        small = small.transpose(0, 3, 1, 2) if self.colour else small[:, None]
        return np.asarray(small / 127.5 - 1, np.float32)

    def network(self) -> nn.Module:
        """Untrained: faces -> (N, 1) logits of P(male)."""
        from torch import nn

        build = {"plain": _plain, "residual": _residual, "separable": _separable}[self.body]
        layers, width = build(3 if self.colour else 1)
        head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(width * 4, 1)]
        return nn.Sequential(*layers, *head)


PLAIN = (Architecture("cnn"),)
"""Four convolutions on luma."""

THREE = (
    *PLAIN,
    Architecture("cnn-residual", "residual", side=96, colour=True),
    Architecture("cnn-separable", "separable", side=112, colour=True),
)
"""The strongest of three kinds is what a protection has to withstand."""


def retrained_cnns(
    case: Case, architectures: Sequence[Architecture] = PLAIN, epochs: int = 12
) -> dict[str, Float32Array]:
    """Each network's logits of P(male), by its name.

    Args:
        case: with own faces.
        architectures: which.
        epochs: passes over the own faces.

    Raises:
        OptionError: if own faces are too few, a setting is out of range, or torch is missing.
    """
    if epochs < 1 or any(a.side < 16 for a in architectures):
        raise OptionError(
            f"retrained CNN: got {architectures} and {epochs} epochs; expected sides of 16 px or "
            "more and at least one epoch"
        )
    own = own_faces(case)
    try:
        import torch
    except ImportError as error:
        raise OptionError(str(missing_extra("retrained CNN adversary", error, "train"))) from error
    y = torch.from_numpy(own.male.astype(np.float32))
    return {a.name: _logits(a, case, y, epochs) for a in architectures}


def _logits(architecture: Architecture, case: Case, y: torch.Tensor, epochs: int) -> Float32Array:
    import torch

    with torch.random.fork_rng(devices=[]):  # the caller's random state stays as it was
        torch.manual_seed(case.seed)
        network = architecture.network()
        x = torch.from_numpy(architecture.faces(case.own_protected))
        _fit(network, x, y, epochs, case.seed)
    network.eval()
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(architecture.faces(case.learnable)), 256)
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


def _plain(before: int) -> tuple[list[nn.Module], int]:
    from torch import nn

    layers: list[nn.Module] = []
    for width in (32, 64, 96, 128):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        before = width
    return layers, before


def _residual(before: int) -> tuple[list[nn.Module], int]:
    from torch import Tensor, nn

    class Sum(nn.Module):
        """x + f(x)."""

        def __init__(self, *inner: nn.Module) -> None:
            super().__init__()
            self.inner = nn.Sequential(*inner)

        def forward(self, x: Tensor) -> Tensor:
            moved: Tensor = self.inner(x)
            return x + moved

    layers: list[nn.Module] = [nn.Conv2d(before, 32, 5, 2, 2, bias=False), nn.BatchNorm2d(32)]
    layers += [nn.ReLU()]
    before = 32
    for width in (48, 96, 144):
        layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        inner = [nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [Sum(*inner, nn.Conv2d(width, width, 3, 1, 1))]
        before = width
    return layers, before


def _separable(before: int) -> tuple[list[nn.Module], int]:
    from torch import nn

    layers: list[nn.Module] = [nn.Conv2d(before, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24)]
    layers += [nn.ReLU6()]
    before = 24
    for width in (48, 96, 128, 192):
        layers += [nn.Conv2d(before, before, 5, 2, 2, groups=before, bias=False)]
        layers += [nn.BatchNorm2d(before), nn.Conv2d(before, width, 1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU6()]
        before = width
    return layers, before
