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
from faceveil.systems.san.config import SANConfig
from faceveil.systems.san.faces import Faces, face_warps
from faceveil.systems.san.flow_data import opposite_outputs, transformed
from faceveil.systems.san.inference import SANInference
from faceveil.systems.san.losses import dissimilarity
from faceveil.systems.san.network import SAN
from faceveil.systems.san.prototypes import PrototypeSAN, mean_faces
from faceveil.systems.san.semi_adversarial import SemiAdversarial
from faceveil.training import checkpoint, distributed, loop
from faceveil.training.config import load_config
from faceveil.training.draw import Dealer, step_count
from faceveil.training.export import export_onnx, write_safetensors
from faceveil.training.faces import as_batch
from faceveil.training.gender import load_classifier
from faceveil.training.matchers import load_matcher
from faceveil.training.networks.layout import channels_last
from faceveil.training.recipes import Card
from faceveil.training.sheets import write_rows
from faceveil.types import Float32Array

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
        [(channels_last(network, device), c.frame) for network, c in networks],
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
        image = as_batch(faces.inputs, torch.from_numpy(shown), config.frame).to(device)
        share = float(faces.male[faces.rows].mean())
        write_rows([image, *three_outputs(model, image, faces.male[shown], share)], output, step)

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


def three_outputs(
    model: PrototypeSAN, image: Tensor, male: Float32Array, male_share: float
) -> list[Tensor]:
    """The SM, NT and OP outputs, (N, 1, S, S) each.

    Args:
        model: the network; its mode is left as it is.
        image: (N, 1, S, S) grey in [0, 1].
        male: (N,) labels.
        male_share: share of the male prototype in the neutral one.
    """
    y = torch.from_numpy(male).to(image.device)
    theta = torch.eye(2, 3, device=image.device).repeat(len(image), 1, 1)
    with torch.no_grad():
        return [model(image, y, t, theta) for t in (y, torch.full_like(y, male_share), 1 - y)]


def ship(config: SANConfig, run: Path, target: Path, data: Path) -> Card:
    """Export a SAN, a member of an ensemble or a stage of FlowSAN, with its prototypes inside.

    See :data:`faceveil.training.recipes.Ship`.
    """
    prototypes, male_share = mean_faces(face_blocks([data / n for n in config.data]))
    model = build(config, prototypes)
    checkpoint.load(run / "checkpoint.safetensors", {"san": model})
    side = config.frame
    faces, ones = torch.rand(2, 1, side, side), torch.ones(2)
    theta = torch.eye(2, 3).repeat(2, 1, 1)
    example = {"image": faces, "male": ones, "target": 0 * ones, "theta": theta}
    network = SANInference(model) if config.combiner_kernel == 1 else model
    export_onnx(network, example, "output", target, half=True)
    # The anchor is the start's, see the recipe.
    own = {k: v for k, v in model.state_dict().items() if "anchor" not in k}
    return {
        "kind": "protector",
        "title": "Semi-adversarial autoencoder (SAN, ICB 2018)",
        "frame_px": side,
        "smoothing_px": config.smoothing,
        "gain": config.gain,
        "safetensors_sha256": write_safetensors(own, target),
        "male_share": round(male_share, 4),
        "parameters": sum(p.numel() for p in model.san.parameters()),  # the anchor is frozen
    }
