"""Which checkpoint of a GAN to keep: asked of a classifier that training does not see.

Gender-AN's Fig. 7: the accuracy of unseen classifiers falls, flips, and comes back while training
goes on, so the last checkpoint is not the best one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from faceveil.data.packs import load_packs
from faceveil.training.faces import as_batch
from faceveil.training.guides import load_guide

FACES = 512
BEST = "best.safetensors"

Conditions = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Faces (N, 3, S, S) and genders (N,) -> what is wanted and what is kept, to flip the gender."""


class HeldOut:
    """Keeps the editor that leaves a held-out classifier nearest to a coin's accuracy.

    Args:
        run: folder of the classifier's run; it is in no other part of the training.
        pack: faces of people that are not trained on.
        frame: side of the editor's faces.
        conditions: what flips the gender.
        output: gets ``accuracy.csv`` (step, accuracy) and ``best.safetensors``.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(
        self, run: Path, pack: Path, frame: int, conditions: Conditions, output: Path, device: str
    ) -> None:
        self.guide = load_guide(run, device)
        faces = load_packs([pack])
        rows = torch.arange(min(FACES, len(faces)))
        self.image = as_batch(faces.images, rows, frame)
        self.male = torch.from_numpy(faces.male[: len(rows)])
        self.conditions, self.output, self.device = conditions, output, device

    def __call__(self, step: int, editor: nn.Module) -> float:
        """Measure, write down, and keep the weights if they are the best so far.

        Returns:
            The share of faces whose own gender is still read.
        """
        editor.eval()
        accuracy = self._accuracy(editor)
        editor.train()
        path = self.output / "accuracy.csv"
        before = _read(path)
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if not before:
                writer.writerow(["step", "accuracy"])
            writer.writerow([step, f"{accuracy:.4f}"])
        if all(abs(accuracy - 0.5) < abs(other - 0.5) for other in before):
            state = {f"editor.{k}": v.contiguous() for k, v in editor.state_dict().items()}
            save_file(state, self.output / BEST, metadata={"step": str(step)})
        return accuracy

    def _accuracy(self, editor: nn.Module) -> float:
        right = 0
        with torch.no_grad():
            for start in range(0, len(self.image), 64):
                image = self.image[start : start + 64].to(self.device)
                male = self.male[start : start + 64].to(self.device)
                made = editor(image, *self.conditions(image, male)).clamp(0, 1)
                right += int(((self.guide(made) > 0) == (male > 0.5)).sum())
        return right / len(self.image)


def _read(path: Path) -> list[float]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [float(row["accuracy"]) for row in csv.DictReader(file)]
