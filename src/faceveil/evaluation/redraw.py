"""More protected versions of the same faces, by a protector that draws anew with another seed.

What draws anew is found by trying: two seeds on a few faces. So any method, target or callable
counts that does, and none that does not is run again in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceveil.types import Uint8Array

Redraw = Callable[[NDArray[np.int64], int], Uint8Array]
"""Rows (K,) of the faces and a seed -> their protected crops (K, 224, 224[, 3])."""

TRIED = 16
"""Faces on which two seeds are compared: a fair coin agrees on all of them once in 65,536."""


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """The versions, made one at a time whenever they are asked for: none is held.

    Attributes:
        redraw: protects faces with a seed.
        faces: how many there are.
        seeds: one version each.
    """

    redraw: Redraw
    faces: int
    seeds: tuple[int, ...]

    def __iter__(self) -> Iterator[Uint8Array]:
        """Each (N, 224, 224[, 3]) uint8."""
        rows = np.arange(self.faces)
        return (self.redraw(rows, seed) for seed in self.seeds)


def redrawn(redraw: Redraw, faces: int, seed: int, versions: int) -> Redrawn:
    """Versions beside the first one; none where the protector gives the same every time.

    Args:
        redraw: protects faces with a seed.
        faces: how many there are.
        seed: of the version that is there already; the others follow it.
        versions: how many in all, that one included.
    """
    rows = np.unique(np.linspace(0, faces - 1, TRIED).astype(np.int64))
    draws = versions > 1 and not np.array_equal(redraw(rows, seed), redraw(rows, seed + 1))
    return Redrawn(redraw, faces, tuple(range(seed + 1, seed + versions)) if draws else ())
