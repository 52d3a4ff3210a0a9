"""The generators of Gender-AN and PrivacyNet as what a protector runs: a face and a difference."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Editor(nn.Module):
    """A generator, alone or anchored.

    Anchored (ours), the change counts from what the generator makes of the face when nothing is to
    change, G(x, 0): the output is x + G(x, d) - G(x, 0). What the generator cannot reproduce, fine
    detail first of all, then stays in the picture, and a difference of 0 changes nothing.

    Args:
        generator: takes faces (N, 3, S, S) in [0, 1] and conditions (N, A).
        anchored: see above; the papers' own output is G(x, d).
    """

    def __init__(self, generator: nn.Module, *, anchored: bool) -> None:
        super().__init__()
        self.generator = generator
        self.anchored = anchored

    def forward(self, image: Tensor, wanted: Tensor, kept: Tensor) -> Tensor:
        """The edited faces.

        Args:
            image: (N, 3, S, S) in [0, 1].
            wanted: (N, A) the condition of the edit.
            kept: (N, A) the condition that changes nothing.

        Returns:
            (N, 3, S, S); beyond [0, 1] where an anchored change saturates.
        """
        return self.parts(image, wanted, kept)[0]

    def parts(self, image: Tensor, wanted: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """The edited faces, and G's reproduction of the faces; one pass over both."""
        both = self.generator(torch.cat([image, image]), torch.cat([wanted, kept]))
        made, reproduced = both[: image.shape[0]], both[image.shape[0] :]
        edited = image + made - reproduced if self.anchored else made
        return edited, reproduced
