"""Recipe: pre-train a SAN on reconstruction, then train it semi-adversarially.

SAN 2.3: the autoencoder learns to reproduce its input (J_D), then to fool auxiliary gender
classifiers (J_G) while an auxiliary matcher still sees the same face (J_M). Both are frozen. A
stage of FlowSAN is trained likewise, on faces that the stages before it have transformed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adam

from faceveil.data.packs import face_blocks, load_packs
from faceveil.errors import ModelError
from faceveil.systems.san.contact_sheet import contact_sheet, write_png
from faceveil.systems.san.flow_data import opposite_outputs, transformed
from faceveil.systems.san.losses import dissimilarity
from faceveil.systems.san.network import SAN
from faceveil.systems.san.prototypes import PrototypeSAN, mean_faces
from faceveil.systems.san.semi_adversarial import Batch, SemiAdversarial
from faceveil.training import checkpoint, distributed, gender, loop
from faceveil.training.augment import joint_view
from faceveil.training.config import GenderConfig, SANConfig, load_config
from faceveil.training.matchers import load_matcher
from faceveil.training.networks.layout import channels_last
from faceveil.types import Float32Array, Uint8Array

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


def random_theta(count: int, share: float, generator: torch.Generator) -> Tensor:
    """Prototype warps like those that landmarks give: (N, 2, 3), identity for the rest.

    The packs have no landmarks, so a share of each batch gets small random affine maps of the
    size that five detected landmarks show around the template.
    """
    theta = torch.eye(2, 3).expand(count, 2, 3)
    noise = torch.randn(count, 2, 3, generator=generator) * 0.04
    chosen = torch.rand(count, 1, 1, generator=generator) < share
    return theta + torch.where(chosen, noise, torch.zeros(()))


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """A training set in memory.

    Attributes:
        inputs: (N, S, S) grey uint8, what the network gets.
        originals: (N, S, S) grey uint8, the faces before any earlier stage.
        male: (N,) float32 labels.
    """

    inputs: Uint8Array
    originals: Uint8Array
    male: Float32Array

    def draw(self, config: SANConfig, generator: torch.Generator, device: str) -> Batch:
        """A random batch, flipped and cropped together with its prototypes."""
        count = distributed.share(config.batch)
        rows = torch.randint(len(self.inputs), (count,), generator=generator)
        pair = [
            gender.as_batch(images, rows, config.frame) for images in (self.inputs, self.originals)
        ]
        theta = random_theta(count, config.landmarks, generator)
        both, theta = joint_view(torch.cat(pair, dim=1), theta, generator, config.crop)
        male = torch.from_numpy(self.male)[rows]
        return Batch(*(t.to(device) for t in (both[:, :1], both[:, 1:], male, theta)))


def load_faces(
    config: SANConfig, data: Path, runs: Path, device: str = "cpu"
) -> tuple[Faces, Tensor]:
    """The training set of a recipe, transformed by the stages before it, and its prototypes."""
    paths = [data / name for name in config.data]
    prototypes = mean_faces(face_blocks(paths))[0]
    pack = load_packs(paths, grey=True)
    inputs = pack.images
    for name in config.after:
        run = runs / name
        stage = opposite_outputs(channels_last(load_san(run, prototypes), device), device)
        weights = run / "checkpoint.safetensors"
        with distributed.first_goes_first():
            inputs = transformed(inputs, pack.male, stage, weights, config.frame)
    return Faces(inputs, pack.images, pack.male), prototypes


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

    def adversarial(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return objective(faces.draw(config, generator, device), generator)

    def sheet(step: int) -> None:
        shown = min(8, len(faces.inputs))
        image = gender.as_batch(faces.inputs, torch.arange(shown), config.frame).to(device)
        picture = contact_sheet(model, image, faces.male[:shown], float(faces.male.mean()))
        write_png(picture, output / "sheets" / f"step-{step:06d}.png")

    modules: dict[str, nn.Module] = {"san": model}
    if not (output / "checkpoint.safetensors").is_file():
        folder = runs / config.start
        if not config.start:
            folder = output / "pretrain"
            _pretrain(config, faces, prototypes, folder, device)
        begin_from(model, load_start(folder, prototypes))
    return loop.run(
        adversarial,
        modules,
        _adam(model, config.peak),
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed + 1,
        epoch=math.ceil(len(faces.inputs) / config.batch),
        on_epoch=sheet,
    )


def _pretrain(
    config: SANConfig, faces: Faces, prototypes: Tensor, folder: Path, device: str
) -> None:
    """J_D alone, without anchor: the autoencoder learns to reproduce its input."""
    model = channels_last(build(replace(config, anchored=False), prototypes), device)

    def step(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = faces.draw(config, generator, device)
        with torch.autocast(device, torch.bfloat16):
            same = model(batch.image, batch.male, batch.male, batch.theta)
        loss = dissimilarity(same, batch.original, config.pretrain_loss)
        return loss, {"J_D": float(loss.detach())}

    loop.run(
        step,
        {"san": model},
        _adam(model, config.pretrain_peak),
        folder,
        steps=config.pretrain_steps,
        peak=config.pretrain_peak,
        seed=config.seed,
    )


def _adam(model: nn.Module, peak: float) -> Adam:
    trained = [p for p in model.parameters() if p.requires_grad]
    return Adam(trained, lr=peak, betas=(0.5, 0.99))
