"""Attackers that learn along: gender classifiers trained on what the protector makes just now.

A classifier fixed before shows what a protector hides from strangers. One that is retrained
on protected faces shows what is left in them, and a protector that faces several such, some of them
fresh, cannot win by tricks against one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Optimizer

from faceveil.training import gender
from faceveil.training.classifiers import GenderConfig
from faceveil.training.guides import Guide, frozen
from faceveil.training.networks.layout import channels_last

KINDS = (
    GenderConfig("grey", widths=(16, 32, 64, 96, 128), frame=96, scale=0.2),
    GenderConfig("colour", network="resnet", widths=(32, 48, 64, 96), frame=112, grey=False),
    GenderConfig("wide", widths=(24, 48, 64, 96, 128, 128), grey=False, scale=0.3, degrees=6.0),
)
"""What attackers are like, in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Attacker:
    """One of them.

    Attributes:
        network: faces -> logits of P(male).
        config: its kind, with the views that it sees.
    """

    network: nn.Module
    config: GenderConfig

    def lesson(self, faces: Tensor, male: Tensor, generator: torch.Generator) -> Tensor:
        """What it minimises: cross-entropy to the true gender, on random views; scalar."""
        read = Guide(self.network, self.config)(faces.detach(), generator)
        return F.binary_cross_entropy_with_logits(read, male)

    def opinion(self, faces: Tensor, generator: torch.Generator) -> Tensor:
        """Its logits (N,), with gradients to the faces and none to its own weights."""
        return Guide(frozen(self.network), self.config)(faces, generator)


def new_attackers(count: int, device: str) -> list[Attacker]:
    """Untrained attackers of different kinds."""
    kinds = [KINDS[k % len(KINDS)] for k in range(count)]
    return [Attacker(channels_last(gender.build(c), device), c) for c in kinds]


def begin_again(attacker: Attacker, optimizer: Optimizer, seed: int) -> None:
    """Forget all that it learned; the optimiser forgets it too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = gender.build(attacker.config)
    attacker.network.load_state_dict(fresh.state_dict())
    for parameter in attacker.network.parameters():
        optimizer.state.pop(parameter, None)
