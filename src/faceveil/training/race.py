"""Recipe: a race classifier, whose labels resample CelebA for the diverse gender classifiers.

FlowSAN section 3 replicates samples "from the underrepresented race" of CelebA, which has no race
labels. This classifier is trained on UTKFace and labels CelebA. It serves resampling only: it is
no judge, it is not shipped, and five names are UTKFace's simplification of what people are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.attributes import RACES, race_numbers
from faceveil.data.packs import load_packs, take
from faceveil.errors import OptionError
from faceveil.training import loop
from faceveil.training.augment import random_view
from faceveil.training.classifiers import RaceConfig
from faceveil.training.faces import as_batch, outputs_of
from faceveil.training.networks.face_resnet import FaceResNet
from faceveil.training.networks.layout import channels_last

FRAME = 112


def build(config: RaceConfig) -> nn.Module:
    """The untrained network: crops (N, 3, 112, 112) RGB in [0, 1] -> logits (N, 5)."""
    return FaceResNet(len(RACES), config.widths, dropout=config.dropout)


def train(
    config: RaceConfig, data: Path, _: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Train the classifier, measure it on images held out, and label the target packs.

    Args:
        config: the recipe.
        data: folder of the packs.
        output: folder for checkpoint, log, and ``labels.npz``: for each target pack the
            probabilities (N, 5).
        device: ``cpu`` or ``cuda``.

    Returns:
        Accuracy and one-against-rest AUC on the held-out images, and the share of each race among
        the target packs.

    Raises:
        OptionError: if a pack has no column ``race``, or one of the races is not there.
    """
    torch.manual_seed(config.seed)
    pack = load_packs([data / name for name in config.data])
    if "race" not in pack.columns:
        raise OptionError(f"{', '.join(config.data)}: no column 'race'; expected race labels")
    labels = race_numbers(pack.columns["race"].tolist())
    said = np.flatnonzero(labels >= 0)
    order = said[np.random.default_rng(config.seed).permutation(len(said))]
    held, kept = order[: config.held_out], order[config.held_out :]
    sides = [torch.from_numpy(kept[labels[kept] == k]) for k in range(len(RACES))]
    for race, side in zip(RACES, sides, strict=True):
        if not len(side):
            raise OptionError(f"data: no face of race {race!r}; add a pack that has some")
    network = channels_last(build(config), device)
    each = config.batch // len(RACES)
    wanted = torch.arange(len(RACES)).repeat_interleave(each).to(device)

    def step(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        drawn = [s[torch.randint(len(s), (each,), generator=generator)] for s in sides]
        x = random_view(
            as_batch(pack.images, torch.cat(drawn)).to(device),
            generator,
            degrees=15,
            scale=0.2,
            blur=0.5,
            tone=config.tone,
            size=FRAME,
        )
        with torch.autocast(device, torch.bfloat16):
            logits = network(x.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), wanted, label_smoothing=0.1)
        return loss, {"loss": float(loss.detach())}

    loop.fit(
        network,
        step,
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        weight_decay=5e-2,
    )
    p = probabilities(network, take(pack.images, held), device)
    measured = {"accuracy": float((p.argmax(1) == labels[held]).mean())}
    for k, race in enumerate(RACES):
        measured[f"auc_{race}"] = float(roc_auc_score(labels[held] == k, p[:, k]))
    labelled = {
        n: probabilities(network, load_packs([data / n]).images, device) for n in config.label
    }
    np.savez_compressed(output / "labels.npz", **labelled)  # type: ignore[arg-type]
    if labelled:
        found = np.concatenate(list(labelled.values())).argmax(1)
        for k, race in enumerate(RACES):
            measured[f"share_{race}"] = float((found == k).mean())
    return measured


def probabilities(network: nn.Module, images: np.ndarray, device: str) -> NDArray[np.float32]:
    """Class probabilities: (N, S, S, 3) uint8 -> (N, 5)."""
    out = outputs_of(network, images, FRAME, device).softmax(1)
    return np.asarray(out.numpy(), np.float32)
