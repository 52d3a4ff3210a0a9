"""Recipe: train a gender classifier on packs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.attributes import RACES
from faceveil.data.packs import Pack, load_packs
from faceveil.data.resample import replicated
from faceveil.errors import ModelError, OptionError
from faceveil.training import checkpoint, distributed, loop
from faceveil.training.augment import random_view
from faceveil.training.classifiers import GenderConfig
from faceveil.training.config import load_config
from faceveil.training.draw import Dealer, step_count
from faceveil.training.export import export_onnx, measured_in
from faceveil.training.faces import as_batch, luma, outputs_of
from faceveil.training.networks.face_resnet import FaceResNet
from faceveil.training.networks.gender_cnn import GenderCNN, GenderProbability
from faceveil.training.networks.gender_cnn_variants import KerasGenderCNN, OfficialGenderCNN
from faceveil.training.networks.layout import channels_last
from faceveil.training.networks.reader import Reader
from faceveil.training.recipes import Card
from faceveil.types import Float32Array


class _OneLogit(nn.Module):
    """A residual network whose single output is a logit: (N, 3, S, S) -> (N,)."""

    def __init__(self, config: GenderConfig) -> None:
        super().__init__()
        self.network = FaceResNet(1, config.widths, dropout=config.dropout)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.network(image)
        return out[:, 0]


def build(config: GenderConfig) -> nn.Module:
    """The untrained network of a recipe: crops (N, C, frame, frame) in [0, 1] -> logits (N,)."""
    channels = 1 if config.grey else 3
    if config.network == "resnet":
        return _OneLogit(config)
    if config.network == "official":
        return OfficialGenderCNN(channels, norm=config.norm)
    if config.network == "keras":
        return KerasGenderCNN(channels, norm=config.norm)
    if config.network in ("plain", "residual", "separable"):
        return Reader(
            config.network, config.frame, config.zoom, config.widths, channels, config.dropout
        )
    return GenderCNN(
        config.frame, config.widths, channels, config.hidden, config.dropout, norm=config.norm
    )


def trained(config: GenderConfig, run: Path) -> nn.Module:
    """The frozen network of a finished run."""
    network = build(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    return network.eval().requires_grad_(False)


def load_classifier(run: Path) -> tuple[nn.Module, GenderConfig]:
    """A trained, frozen gender classifier from its run folder, and its recipe.

    Raises:
        ModelError: if the run is of another kind or not finished.
    """
    config = load_config(run / "recipe.toml")
    if not isinstance(config, GenderConfig):
        raise ModelError(f"{run}: kind is {config.kind!r}; expected a gender classifier")
    return trained(config, run), config


def row_dealer(
    config: GenderConfig, rows: NDArray[np.int64], male: Float32Array
) -> Callable[[int, torch.Generator], Tensor]:
    """Which rows a step sees: both genders equally often, or as they come.

    Raises:
        OptionError: if they are to be balanced and each once an epoch, which is a contradiction.
    """
    if not config.balanced:
        return Dealer(torch.from_numpy(rows), config.batch, config.draw, config.seed)
    if config.draw == "epochs":
        raise OptionError("draw: 'epochs' deals faces as they are; it needs balanced = false")
    sides = [torch.from_numpy(rows[male[rows] == side]) for side in (0, 1)]
    half = distributed.share(config.batch) // 2

    def deal(_: int, generator: torch.Generator) -> Tensor:
        halves = [side[torch.randint(len(side), (half,), generator=generator)] for side in sides]
        return torch.cat(halves)

    return deal


def training_rows(config: GenderConfig, runs: Path, pack: Pack) -> NDArray[np.int64]:
    """Which samples are in the training set, and how often; see :mod:`faceveil.data.resample`.

    Raises:
        OptionError: if the race labels that the recipe names are missing or do not fit its packs.
    """
    count, rows = len(pack), config.rows(pack)
    if not config.resample:
        return rows
    path = runs / config.resample / "labels.npz"
    if not path.is_file():
        raise OptionError(f"{path}: no such file; run the recipe {config.resample!r} first")
    with np.load(path) as file:
        missing = [name for name in config.data if name not in file]
        if missing:
            raise OptionError(f"{path}: no labels for {missing[0]}; add it to the recipe's label")
        race = np.concatenate([file[name].argmax(1) for name in config.data])
    if len(race) != count:
        raise OptionError(f"{path}: {len(race)} labels for {count} images; run the recipe again")
    if config.underrepresented not in RACES:
        raise OptionError(
            f"underrepresented: got {config.underrepresented!r}; expected one of {', '.join(RACES)}"
        )
    again = replicated(
        race[rows] == RACES.index(config.underrepresented),
        parts=config.parts,
        part=config.part,
        times=config.replicate,
        seed=0,  # the same for all parts, which makes them disjoint
    )
    return rows[again]


def train(
    config: GenderConfig, data: Path, _: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Train the classifier and measure it on the validation pack.

    Args:
        config: the recipe.
        data: folder of the packs.
        output: folder for checkpoint and log.
        device: ``cpu`` or ``cuda``.

    Returns:
        ``auc`` and ``accuracy`` on the validation pack.
    """
    torch.manual_seed(config.seed)
    pack = load_packs([data / name for name in config.data], grey=config.grey)
    network = channels_last(build(config), device)
    rows = training_rows(config, output.parent, pack)
    deal = row_dealer(config, rows, pack.male)

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        indices = deal(number, generator)
        if config.views:
            x = random_view(
                as_batch(pack.images, indices).to(device),
                generator,
                degrees=config.degrees,
                scale=config.scale,
                shift=config.shift,
                blur=config.blur,
                tone=config.tone,
                size=config.frame,
            )
        else:
            x = as_batch(pack.images, indices, config.frame).to(device)
        y = torch.from_numpy(pack.male)[indices].to(device)
        if not config.grey:
            grey = (torch.rand(len(x), 1, 1, 1, generator=generator) < 0.3).to(device)
            x = torch.where(grey, luma(x), x)
        if config.tint and not config.grey:
            gain = 1 + config.tint * (2 * torch.rand(len(x), 3, 1, 1, generator=generator) - 1)
            x = x * gain.to(x.device)
        if config.adversarial:
            x = attacked(network, x, y, config.adversarial, config.epsilon, generator)
        smooth = y * (1 - 2 * config.label_smoothing) + config.label_smoothing
        with torch.autocast(device, torch.bfloat16):
            logits = network(x.contiguous(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(logits.float(), smooth)
        return loss, {"loss": float(loss.detach())}

    loop.fit(
        network,
        step,
        output,
        steps=step_count(config.steps, config.epochs, len(rows), config.batch),
        peak=config.peak,
        seed=config.seed,
        weight_decay=config.weight_decay,
        betas=config.betas,
        schedule=loop.SCHEDULES[config.schedule],
    )
    validation = load_packs([data / config.validation], grey=config.grey)
    return evaluate(network, validation, config.frame, device)


def ship(config: GenderConfig, run: Path, target: Path, _: Path) -> Card:
    """Export P(male); see :data:`faceveil.training.recipes.Ship`."""
    channels = 1 if config.grey else 3
    example = {"image": torch.rand(2, channels, config.frame, config.frame)}
    half = config.network in ("plain", "residual", "separable")
    network = GenderProbability(trained(config, run))
    export_onnx(network, example, "p_male", target, half=half)
    return {
        "kind": "gender",
        "title": "Gender classifier, P(male)",
        "frame_px": config.frame,
        "input": {"channels": "gray" if config.grey else "rgb", "scale": "0 to 1"},
        "measured": {config.validation: measured_in(run)},
    }


def attacked(
    network: nn.Module,
    image: Tensor,
    male: Tensor,
    share: float,
    epsilon: tuple[float, ...],
    generator: torch.Generator,
) -> Tensor:
    """A batch of which a share is moved against the network by one step of its gradient's signs.

    From a random start, which keeps one step as good a lesson as many (fast adversarial training,
    Wong et al., ICLR 2020). What such a network reads is shapes that no faint pattern imitates.

    Args:
        network: faces -> logits of P(male); its weights get no gradients here.
        image: (N, C, S, S) in [0, 1].
        male: (N,) what is true.
        share: of the batch, drawn at random.
        epsilon: smallest and largest step, of the range [0, 1].
        generator: draws faces, sizes and starts.

    Returns:
        (N, C, S, S).
    """
    n = len(image)
    chosen = torch.randperm(n, generator=generator)[: round(share * n)].to(image.device)
    low, high = epsilon[0], epsilon[-1]
    size = low + (high - low) * torch.rand(len(chosen), 1, 1, 1, generator=generator)
    size = size.to(image.device)
    clean = image[chosen].detach()
    start = 2 * torch.rand(clean.shape, generator=generator).to(image.device) - 1
    x = (clean + size * start).contiguous(memory_format=torch.channels_last).requires_grad_(True)
    with torch.autocast(image.device.type, torch.bfloat16):
        logits = network(x)
    loss = F.binary_cross_entropy_with_logits(logits.float(), male[chosen], reduction="sum")
    (slope,) = torch.autograd.grad(loss, x)
    moved = clean + (size * start + 1.25 * size * slope.sign()).clamp(-size, size)
    out = image.clone()
    out[chosen] = moved
    return out


def evaluate(network: nn.Module, pack: Pack, frame: int, device: str = "cpu") -> dict[str, float]:
    """AUC and accuracy of a logit network on a pack."""
    scores = outputs_of(network, pack.images, frame, device).numpy()
    accuracy = float(((scores > 0) == (pack.male > 0.5)).mean())
    return {"auc": float(roc_auc_score(pack.male, scores)), "accuracy": accuracy}
