"""What a retrained CNN can look like; no protector trained against these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from faceveil.imaging.crop import grey_levels
from faceveil.types import Float32Array, Uint8Array

if TYPE_CHECKING:
    from torch import nn

Body = Literal["plain", "residual", "separable"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of them.

    Attributes:
        name: under which its scores are reported.
        body: what its layers are.
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
        from faceveil.evaluation.adversaries.attacker_cnns import attacker_cnn

        return attacker_cnn(self.body, 3 if self.colour else 1)


PLAIN = Architecture("cnn")
"""Four convolutions on luma."""

THREE = (
    PLAIN,
    Architecture("cnn-residual", "residual", side=96, colour=True),
    Architecture("cnn-separable", "separable", side=112, colour=True),
)
"""The strongest of three kinds is what a protection has to withstand."""
