"""Frozen gender classifiers that say what a GAN's faces read as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from faceveil.errors import ModelError
from faceveil.systems.san.train import load_classifier
from faceveil.training.augment import random_view
from faceveil.training.config import GenderConfig, load_config
from faceveil.training.networks.layout import channels_last


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """One classifier.

    Attributes:
        network: faces (N, 1 or 3, frame, frame) in [0, 1] -> logits of P(male) (N,).
        config: its recipe: the frame, whether it sees grey, and the views that it was trained on.
    """

    network: Callable[[Tensor], Tensor]
    config: GenderConfig

    def __call__(self, faces: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits of P(male).

        Args:
            faces: (N, 3, S, S) RGB in [0, 1].
            generator: draws a random view of each face; None for the faces as they are.

        Returns:
            (N,) float32.
        """
        c = self.config
        x = luma(faces) if c.grey else faces
        if generator is None:
            x = F.interpolate(x, (c.frame, c.frame), mode="bilinear", antialias=True)
        else:
            x = random_view(
                x, generator, degrees=c.degrees, scale=c.scale, shift=c.shift, size=c.frame
            )
        with torch.autocast(x.device.type, torch.bfloat16):
            out = self.network(x.contiguous(memory_format=torch.channels_last))
        return out.float()


def load_guide(run: Path, device: str) -> Guide:
    """The classifier of a finished run.

    Raises:
        ModelError: if the run is of another kind or not finished.
    """
    config = load_config(run / "recipe.toml")
    if not isinstance(config, GenderConfig):
        raise ModelError(f"{run}: kind is {config.kind!r}; expected a gender classifier")
    return Guide(channels_last(load_classifier(run)[0], device), config)


def ask_one(
    guides: Sequence[Guide], faces: Tensor, wanted: Tensor, generator: torch.Generator
) -> Tensor:
    """Cross-entropy of one guide, drawn at random, on random views: scalar.

    Args:
        guides: to draw from.
        faces: (N, 3, S, S) RGB in [0, 1].
        wanted: (N,) what they are to read as, 1 male.
        generator: draws the guide and the views.
    """
    which = int(torch.randint(len(guides), (1,), generator=generator))
    return F.binary_cross_entropy_with_logits(guides[which](faces, generator), wanted)


def luma(faces: Tensor) -> Tensor:
    """BT.601 luma: (N, 3, S, S) -> (N, 1, S, S)."""
    weights = faces.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (faces * weights).sum(dim=1, keepdim=True)
