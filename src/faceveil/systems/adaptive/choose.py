"""Which step of a run becomes the protector: asked of readers that nobody trains against.

Attackers in the loop end content with what they see; a fresh one does not. So a step is judged by
classifiers set apart, by readers of embeddings that learn anew from protected faces of other
people, and by how well the matchers still know everybody.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.optim import SGD

from faceveil.data.packs import load_packs
from faceveil.systems.adaptive.config import AdaptiveConfig
from faceveil.systems.adaptive.embedded import Embedded, embed
from faceveil.training import checkpoint
from faceveil.training.faces import as_batch, batches
from faceveil.training.guides import Guide
from faceveil.types import Float32Array

BEST = "best.safetensors"
_FACES = 600  # of either half: fresh readers learn from the one and are asked about the other
_LEAST_KEPT = 0.96


class Chooser:
    """Measures an editor with random targets and keeps the best.

    Args:
        config: the recipe.
        pack: faces of people who are neither trained on nor reported on.
        readers: classifiers set apart.
        matchers: those of the training; that they know everybody is necessary, not sufficient.
        output: the run's folder; gets ``chosen.csv`` and ``best.safetensors``.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        config: AdaptiveConfig,
        pack: Path,
        readers: Sequence[Guide],
        matchers: Sequence[Embedded],
        output: Path,
        device: str,
    ) -> None:
        self.config, self.readers, self.matchers = config, readers, matchers
        self.output, self.device = output, device
        faces = load_packs([pack])
        people = np.unique(faces.identity)
        halves = [np.isin(faces.identity, people[k::2]) for k in (0, 1)]
        self.halves = [np.flatnonzero(h)[:_FACES] for h in halves]
        rows = np.concatenate(self.halves)
        self.images, self.male = faces.images[rows], faces.male[rows] > 0.5
        self.identity = faces.identity[rows]
        self.learns = np.arange(len(rows)) < len(self.halves[0])
        self.target = torch.from_numpy(
            np.random.default_rng(config.seed).integers(2, size=len(rows)).astype(np.float32)
        )
        self.original = [embed(m.matcher, self.images, config.frame, device) for m in matchers]

    def __call__(
        self, step: int, editor: nn.Module, as_used: Callable[[Tensor, Tensor], Tensor] | None
    ) -> None:
        """Measure, write a line, and keep the networks if they are the best so far."""
        made = self._protected(editor, as_used)
        asked = ~self.learns
        figures: dict[str, float] = {}
        for name, reader in zip(self.config.readers, self.readers, strict=True):
            with torch.no_grad():
                read = [reader(as_batch(made, r)) for r in batches(len(made), 64)]
            figures[name] = float(roc_auc_score(self.male, torch.cat(read).numpy()))
        for k, (matcher, before) in enumerate(zip(self.matchers, self.original, strict=True)):
            after = embed(matcher.matcher, made, self.config.frame, self.device)
            figures[f"fresh{k}"] = max(
                _auc(after[self.learns], self.male[self.learns], after[asked], self.male[asked])
            )
            figures[f"kept{k}"] = self._kept(before, after, matcher.threshold)
        figures["change"] = float(
            np.abs(made.astype(np.int16) - self.images).mean(dtype=np.float64) / 255
        )
        figures["score"] = self._score(figures)
        path = self.output / "chosen.csv"
        earlier = _read(path)
        best = max((float(r["score"]) for r in earlier if int(r["step"]) < step), default=-np.inf)
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if not earlier:
                writer.writerow(["step", *figures])
            writer.writerow([step, *(f"{v:.4f}" for v in figures.values())])
        if figures["score"] > best:
            nothing = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            checkpoint.save(self.output / BEST, step, {"editor": editor}, nothing)

    def _score(self, figures: dict[str, float]) -> float:
        """Higher is better: odds of readers and fresh ones, less what matching falls short of."""
        readers = [abs(figures[n] - 0.5) for n in self.config.readers]
        fresh = [v - 0.5 for k, v in figures.items() if k.startswith("fresh")]
        short = [max(0.0, _LEAST_KEPT - v) for k, v in figures.items() if k.startswith("kept")]
        return -float(np.mean(readers) + 0.5 * np.mean(fresh) + 4 * max(short))

    def _protected(
        self, editor: nn.Module, as_used: Callable[[Tensor, Tensor], Tensor] | None
    ) -> np.ndarray:
        training = editor.training
        editor.eval()
        parts = []
        with torch.no_grad():
            for rows in batches(len(self.images), 32):
                image = as_batch(self.images, rows, self.config.frame).to(self.device)
                with torch.autocast(self.device, torch.bfloat16):
                    made = editor(image, self.target[rows].to(self.device))
                made = made.float()
                made = made if as_used is None else as_used(image, made)
                parts.append(made.clamp(0, 1).mul(255).round().byte().cpu())
        editor.train(training)
        return torch.cat(parts).permute(0, 2, 3, 1).contiguous().numpy()

    def _kept(self, before: Float32Array, after: Float32Array, threshold: float) -> float:
        """TMR of originals against protected faces over that of originals, at one threshold."""
        same = self.identity[:, None] == self.identity[None]
        np.fill_diagonal(same, False)
        plain = float(((before @ before.T)[same] > threshold).mean())
        return float(((before @ after.T)[same] > threshold).mean()) / max(plain, 1e-9)


def _auc(
    learn: Float32Array, male: np.ndarray, ask: Float32Array, truth: np.ndarray
) -> tuple[float, float]:
    """AUC of a fresh SVM and of 15 nearest neighbours on embeddings."""
    svm = SVC(C=2.0, gamma="scale").fit(learn, male)
    near = KNeighborsClassifier(15, weights="distance").fit(learn, male)
    return (
        float(roc_auc_score(truth, svm.decision_function(ask))),
        float(roc_auc_score(truth, near.predict_proba(ask)[:, 1])),
    )


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
