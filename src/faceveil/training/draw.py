"""Which faces a step sees: drawn at random, or each once an epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from faceveil.training import distributed

Draw = Literal["random", "epochs"]


def step_count(steps: int, epochs: float, faces: int, batch: int) -> int:
    """Steps of a run: of so many epochs where these are given; the last batch may be smaller."""
    return round(epochs * math.ceil(faces / batch)) if epochs else steps


@dataclass(frozen=True, slots=True, eq=False)
class Dealer:
    """Deals a training set's rows.

    Attributes:
        rows: (N,) int64.
        batch: rows a step, over all processes.
        draw: ``random``, with replacement; ``epochs``, shuffled anew each epoch and each row once.
        seed: of the shuffling.
    """

    rows: Tensor
    batch: int
    draw: Draw = "random"
    seed: int = 0

    def __call__(self, step: int, generator: torch.Generator) -> Tensor:
        """This process's rows of a step."""
        if self.draw == "random":
            share = (distributed.share(self.batch),)
            return self.rows[torch.randint(len(self.rows), share, generator=generator)]
        epoch, place = divmod(step, math.ceil(len(self.rows) / self.batch))
        order = _shuffled(len(self.rows), self.seed, epoch)
        dealt = order[place * self.batch : (place + 1) * self.batch]
        mine = dealt[distributed.rank() :: distributed.world()]
        return self.rows[mine if len(mine) else dealt[:1]]


@lru_cache(maxsize=2)
def _shuffled(count: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)
