"""Recipe: pre-train a SAN on reconstruction, then train it semi-adversarially.

SAN 2.3: the autoencoder learns to reproduce its input (J_D), then to fool auxiliary gender
classifiers (J_G) while an auxiliary matcher still sees the same face (J_M). Both are frozen. A
stage of FlowSAN is trained likewise, on faces that the stages before it have transformed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adadelta, Adam, Optimizer

from faceveil.data.packs import face_blocks, load_packs, pack_key
from faceveil.errors import ModelError
from faceveil.systems.san.contact_sheet import contact_sheet, write_png
from faceveil.systems.san.faces import Faces, face_warps
from faceveil.systems.san.flow_data import opposite_outputs, transformed
from faceveil.systems.san.losses import dissimilarity
from faceveil.systems.san.network import SAN
from faceveil.systems.san.prototypes import PrototypeSAN, mean_faces
from faceveil.systems.san.semi_adversarial import SemiAdversarial
from faceveil.training import checkpoint, distributed, gender, loop
from faceveil.training.config import GenderConfig, SANConfig, load_config
from faceveil.training.draw import Dealer, step_count
from faceveil.training.matchers import load_matcher
from faceveil.training.networks.layout import channels_last

_CANONICAL = 224  # pixels; the unit of smoothing in recipes


def build(config: SANConfig, prototypes: Tensor) -> PrototypeSAN:
    """The untrained network of a recipe; ``prototypes`` is (2, 3, S, S) in [0, 1]."""
    smoothing = config.network_smoothing * config.frame / _CANONICAL
    size = (config.frame, config.frame)
    if prototypes.shape[2:] != size:
        prototypes = F.interpolate(prototypes, size, mode="bilinear", antialias=True)
    if config.prototype_channels == 1:
        weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        prototypes = (prototypes * weights).sum(dim=1, keepdim=True)
    san, anchor = (
        SAN(
            config.combiner_kernel,
            prototype_channels=config.prototype_channels,
            prototype_scale=config.prototype_scale,
            leak=config.leak,
        )
        for _ in range(2)
    )
    return PrototypeSAN(san, prototypes, smoothing, anchor if config.anchored else None)


def load_classifier(run: Path) -> tuple[nn.Module, int]:
    """A trained, frozen gender classifier from its run folder, and its frame in pixels."""
    config = load_config(run / "recipe.toml")
    if not isinstance(config, GenderConfig):
        raise ModelError(f"{run}: kind is {config.kind!r}; expected a gender classifier")
    network = gender.build(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    return network.eval().requires_grad_(False), config.frame


def load_san(run: Path, prototypes: Tensor) -> PrototypeSAN:
    """A trained SAN from its run folder, in evaluation mode."""
    config = load_config(run / "recipe.toml")
    if not isinstance(config, SANConfig):
        raise ModelError(f"{run}: kind is {config.kind!r}; expected a SAN")
    model = build(config, prototypes)
    checkpoint.load(run / "checkpoint.safetensors", {"san": model})
    return model.eval().requires_grad_(False)


def load_start(folder: Path, prototypes: Tensor) -> PrototypeSAN:
    """The SAN that a run starts from: a trained one, or the pre-training in its own folder."""
    if (folder / "recipe.toml").is_file():
        return load_san(folder, prototypes)
    config = load_config(folder.parent / "recipe.toml")
    if not isinstance(config, SANConfig):
        raise ModelError(f"{folder}: kind is {config.kind!r}; expected the pre-training of a SAN")
    plain = build(replace(config, anchored=False), prototypes)
    checkpoint.load(folder / "checkpoint.safetensors", {"san": plain})
    return plain


def begin_from(model: PrototypeSAN, start: PrototypeSAN) -> None:
    """Take over a start's weights; the anchor is the start's own, or its autoencoder."""
    model.san.take(start.san)
    if model.anchor is not None:
        model.anchor.take(start.anchor or start.san)


def load_faces(
    config: SANConfig, data: Path, runs: Path, device: str = "cpu"
) -> tuple[Faces, Tensor]:
    """The training set of a recipe, transformed by the stages before it, and its prototypes."""
    paths = [data / name for name in config.data]
    pack = load_packs(paths, grey=True)
    rows = config.rows(pack)
    whole = np.arange(len(pack)) if config.pretrain_whole else rows
    chosen = np.isin(np.arange(len(pack)), whole)
    prototypes, _ = mean_faces(face_blocks(paths, None if chosen.all() else chosen))
    warps = None
    if config.alignment == "faces":
        with distributed.first_goes_first():
            warps = face_warps(pack.images, runs / ".pixels" / f"{pack_key(paths)}-warps.npy")
    inputs = pack.images
    for name in config.after:
        run = runs / name
        stage = opposite_outputs(channels_last(load_san(run, prototypes), device), device, warps)
        weights = run / "checkpoint.safetensors"
        with distributed.first_goes_first():
            inputs = transformed(inputs, pack.male, stage, weights, config.frame)
    return Faces(inputs, pack.images, pack.male, rows, whole, warps), prototypes


def train(
    config: SANConfig, data: Path, models: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Run the recipe.

    Args:
        config: the recipe.
        data: folder of the packs.
        models: folder of the auxiliary matcher.
        output: folder for checkpoints and logs; the run folders of classifiers, of the start and
            of earlier stages are its siblings.
        device: ``cpu`` or ``cuda``.

    Returns:
        Mean of the last training terms, for the record; judges measure elsewhere.
    """
    torch.manual_seed(config.seed)
    runs = output.parent
    faces, prototypes = load_faces(config, data, runs, device)
    model = channels_last(build(config, prototypes), device)
    networks = [load_classifier(runs / name) for name in config.classifiers]
    objective = SemiAdversarial(
        config,
        model,
        [(channels_last(c, device), frame) for c, frame in networks],
        load_matcher(models / config.matcher, config.frame, config.matcher_range).to(device),
    )

    deal = Dealer(torch.from_numpy(faces.rows), config.batch, config.draw, config.seed + 1)
    epoch = math.ceil(len(faces.rows) / config.batch)
    alone = round(config.match_after * epoch)  # steps without J_M

    def adversarial(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = faces.batch(deal(step, generator), config, generator, device)
        return objective(batch, generator, matching=step >= alone)

    def sheet(step: int) -> None:
        shown = faces.rows[:8]
        image = gender.as_batch(faces.inputs, torch.from_numpy(shown), config.frame).to(device)
        share = float(faces.male[faces.rows].mean())
        picture = contact_sheet(model, image, faces.male[shown], share)
        write_png(picture, output / "sheets" / f"step-{step:06d}.png")

    modules: dict[str, nn.Module] = {"san": model}
    if not (output / "checkpoint.safetensors").is_file():
        folder = runs / config.start
        pretrained = bool(config.pretrain_steps or config.pretrain_epochs)
        if not config.start and pretrained:
            folder = output / "pretrain"
            _pretrain(config, faces, prototypes, folder, device)
        if config.start or pretrained:
            begin_from(model, load_start(folder, prototypes))
    return loop.run(
        adversarial,
        modules,
        Adam(_trained(model), lr=config.peak, betas=_betas(config)),
        output,
        steps=step_count(config.steps, config.epochs, len(faces.rows), config.batch),
        peak=config.peak,
        seed=config.seed + 1,
        epoch=epoch,
        on_epoch=sheet,
        schedule=loop.SCHEDULES[config.schedule],
    )


def _pretrain(
    config: SANConfig, faces: Faces, prototypes: Tensor, folder: Path, device: str
) -> None:
    """J_D alone, without anchor: the autoencoder learns to reproduce its input."""
    model = channels_last(build(replace(config, anchored=False), prototypes), device)
    size = config.pretrain_batch or config.batch
    deal = Dealer(torch.from_numpy(faces.pretrained), size, config.draw, config.seed)

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = faces.batch(deal(number, generator), config, generator, device)
        with torch.autocast(device, torch.bfloat16):
            same = model(batch.image, batch.male, batch.male, batch.theta)
        loss = dissimilarity(same, batch.original, config.pretrain_loss)
        return loss, {"J_D": float(loss.detach())}

    rate = config.pretrain_peak
    optimizer: Optimizer = Adam(_trained(model), lr=rate, betas=_betas(config))
    if config.pretrain_optimizer == "adadelta":  # with Keras' own rho and epsilon
        optimizer = Adadelta(_trained(model), lr=rate, rho=0.95, eps=1e-7)
    steps, epochs = config.pretrain_steps, config.pretrain_epochs
    loop.run(
        step,
        {"san": model},
        optimizer,
        folder,
        steps=step_count(steps, epochs, len(faces.pretrained), size),
        peak=rate,
        seed=config.seed,
        schedule=loop.SCHEDULES[config.schedule],
    )


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _betas(config: SANConfig) -> tuple[float, float]:
    first, second = config.betas
    return first, second
