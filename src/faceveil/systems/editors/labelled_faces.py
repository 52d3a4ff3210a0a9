"""Faces with attribute labels, in memory, and sheets of what an editor makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceveil.data.packs import load_packs
from faceveil.systems.editors.config import GenderANConfig, PrivacyNetConfig
from faceveil.systems.editors.labels import names_of, one_hot
from faceveil.systems.editors.network import Editor
from faceveil.training import attributes
from faceveil.training.draw import Dealer
from faceveil.training.faces import as_batch
from faceveil.training.sheets import write_rows
from faceveil.types import Float32Array, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """A training set in memory.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        labels: (N, A) float32, 0 or 1.
        rows: (K,) those that are trained on.
        interpolation: to the frame.
    """

    images: Uint8Array
    labels: Float32Array
    rows: NDArray[np.int64]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def shown(self, frame: int, device: str) -> tuple[Tensor, Tensor]:
        """The first eight faces and their labels, for sheets."""
        rows = torch.from_numpy(self.rows[:8])
        image = as_batch(self.images, rows, frame, self.interpolation).to(device)
        return image, torch.from_numpy(self.labels)[rows].to(device)

    def draw(
        self, batch: int, frame: int, generator: torch.Generator, device: str
    ) -> tuple[Tensor, Tensor]:
        """A random batch, half of it mirrored: (B, 3, frame, frame) in [0, 1], (B, A)."""
        rows = Dealer(torch.from_numpy(self.rows), batch)(0, generator)
        image = as_batch(self.images, rows, frame, self.interpolation)
        mirrored = torch.rand(len(rows), 1, 1, 1, generator=generator) < 0.5
        image = torch.where(mirrored, image.flip(3), image)
        return image.to(device), torch.from_numpy(self.labels)[rows].to(device)


def load_labelled(
    config: GenderANConfig | PrivacyNetConfig, data: Path, run: Path, groups: Sequence[str]
) -> LabelledFaces:
    """The packs with the labels that a finished attribute run gives them.

    Args:
        config: names the packs, and which of their faces.
        data: their folder.
        run: folder of the attribute run.
        groups: attributes, or alternatives joined by ``|``.
    """
    p = attributes.read_labels(run, config.data, names_of(groups))
    pack = load_packs([data / name for name in config.data])
    labels = one_hot(p, groups)
    return LabelledFaces(pack.images, labels, config.rows(pack), config.interpolation)


def write_sheet(
    editor: Editor, image: Tensor, edits: Sequence[tuple[Tensor, Tensor]], output: Path, step: int
) -> None:
    """Write faces and their edits, a row each, as ``sheets/step-NNNNNNN.png``.

    Args:
        editor: the network; put back into training mode afterwards.
        image: (N, 3, S, S) in [0, 1].
        edits: what is wanted and what is kept, (N, A) each, for every row.
        output: the run's folder.
        step: number of the step.
    """
    editor.eval()
    with torch.no_grad():
        rows = [image, *(editor(image, wanted, kept) for wanted, kept in edits)]
    editor.train()
    write_rows(rows, output, step)
