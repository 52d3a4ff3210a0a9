"""Recipe: distil a network for 68 face landmarks from a larger one.

Points are in pixels of the 224 px canonical crop, in iBUG's order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from faceveil.data.packs import load_packs
from faceveil.imaging.geometry import CROP_SIZE, canonical_template
from faceveil.systems.mixing.config import LandmarkConfig
from faceveil.systems.mixing.landmark_teacher import Teacher, answers
from faceveil.systems.mixing.landmarks import INPUT, MIRRORED, POINTS, SIDE, SQUARE
from faceveil.training import checkpoint, loop
from faceveil.training.augment import binomial_blur, warp
from faceveil.training.export import export_onnx, measured_in
from faceveil.training.faces import as_batch, batches
from faceveil.training.networks.face_resnet import FaceResNet
from faceveil.training.networks.layout import channels_last
from faceveil.training.recipes import Card
from faceveil.types import Float32Array, Uint8Array

EYES = float(np.ptp(canonical_template(CROP_SIZE)[:2, 0]))
"""Distance of the eyes in the canonical crop in pixels: the unit of the errors."""


class LandmarkNet(nn.Module):
    """Points as offsets from the training set's mean shape.

    Args:
        config: the recipe.
        mean: (68, 2) mean shape in pixels of the canonical crop; zeros before it is known.
    """

    def __init__(self, config: LandmarkConfig, mean: Tensor | None = None) -> None:
        super().__init__()
        self.network = FaceResNet(2 * POINTS, config.widths, config.blocks, config.dropout)
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(POINTS, 2) if mean is None else mean)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, 112, 112) RGB in [0, 1] -> (N, 68, 2) in pixels of the canonical crop."""
        out: Tensor = self.mean + EYES * 0.1 * self.network(image).unflatten(1, (POINTS, 2))
        return out


def train(
    config: LandmarkConfig, data: Path, models: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Distil the teacher, and measure the distance to it on the validation pack.

    Args:
        config: the recipe.
        data: folder of the packs.
        models: folder of the teacher.
        output: folder for checkpoint, log, and ``points.npy``: the teacher's answers.
        device: ``cpu`` or ``cuda``.

    Returns:
        Figures of :func:`measure`.
    """
    torch.manual_seed(config.seed)
    pack = load_packs([data / name for name in config.data])
    teacher = Teacher(models / config.teacher)
    points = torch.from_numpy(answers(teacher, pack.images, output / "points.npy"))
    network = channels_last(LandmarkNet(config, points.mean(0)), device)

    def step(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rows = torch.randint(len(points), (config.batch,), generator=generator)
        x, wanted = view(as_batch(pack.images, rows), points[rows], config, generator)
        with torch.autocast(device, torch.bfloat16):
            found = network(x.to(device).contiguous(memory_format=torch.channels_last))
        distance = (found.float() - wanted.to(device)).norm(dim=2).mean() / EYES
        return distance, {"distance": float(distance.detach())}

    loop.fit(
        network,
        step,
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        weight_decay=1e-2,
    )
    held_out = load_packs([data / config.validation]).images
    return measure(network, held_out, teacher(held_out), device)


def square_theta(count: int) -> Tensor:
    """From the network's square to the canonical crop, in coordinates from -1 to 1: (N, 2, 3)."""
    x, y = ((2 * start + SIDE) / CROP_SIZE - 1 for start in SQUARE)
    zoom = SIDE / CROP_SIZE
    return torch.tensor([[zoom, 0.0, x], [0.0, zoom, y]]).repeat(count, 1, 1)


def view(
    images: Tensor, points: Tensor, config: LandmarkConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The network's input from faces that are a little off the template, and their points.

    Args:
        images: (N, 3, S, S) canonical crops in [0, 1].
        points: (N, 68, 2) in pixels of the 224 px crop.
        config: the recipe.
        generator: where the randomness comes from.

    Returns:
        (N, 3, 112, 112), and (N, 68, 2) where the points are then.
    """
    n = len(images)

    def uniform(spread: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * spread

    angle, zoom = torch.deg2rad(uniform(config.degrees)), torch.exp(uniform(config.scale))
    mirrored = torch.rand(n, generator=generator) < 0.5
    flip = torch.where(mirrored, -1.0, 1.0)
    moved = torch.eye(3).repeat(n, 1, 1)  # from the new crop to the old one
    moved[:, 0, 0], moved[:, 0, 1] = torch.cos(angle) * zoom * flip, -torch.sin(angle) * zoom
    moved[:, 1, 0], moved[:, 1, 1] = torch.sin(angle) * zoom * flip, torch.cos(angle) * zoom
    moved[:, 0, 2], moved[:, 1, 2] = 2 * uniform(config.shift), 2 * uniform(config.shift)
    square = torch.cat([square_theta(n), torch.tensor([0.0, 0.0, 1.0]).expand(n, 1, 3)], dim=1)
    x = warp(images, (moved @ square)[:, :2], INPUT)
    back = torch.linalg.inv(moved)
    scaled = (2 * points + 1) / CROP_SIZE - 1
    scaled = scaled @ back[:, :2, :2].transpose(1, 2) + back[:, None, :2, 2]
    wanted = ((scaled + 1) * CROP_SIZE - 1) / 2
    wanted = torch.where(mirrored.view(n, 1, 1), wanted[:, torch.from_numpy(MIRRORED)], wanted)
    if float(torch.rand(1, generator=generator)) < config.blur:
        x = binomial_blur(x, 3)
    grey = torch.rand(n, 1, 1, 1, generator=generator) < config.grey
    x = torch.where(grey, x.mean(1, keepdim=True), x)
    contrast = 1 + uniform(config.tone).view(n, 1, 1, 1)
    brightness = uniform(config.tone / 2).view(n, 1, 1, 1)
    return ((x - 0.5) * contrast + 0.5 + brightness).clamp(0, 1), wanted


def measure(
    network: nn.Module, images: Uint8Array, wanted: Float32Array, device: str = "cpu"
) -> dict[str, float]:
    """Distance from the teacher as a share of the eye distance: mean, and 95th percentile of faces.

    Args:
        network: the student, in evaluation mode.
        images: (N, S, S, 3) uint8 canonical crops.
        wanted: (N, 68, 2) the teacher's points.
        device: where the student is.
    """
    found = found_points(network, images, device)
    distance = np.linalg.norm(found - wanted, axis=2).mean(axis=1) / EYES
    return {"distance": float(distance.mean()), "distance_p95": float(np.quantile(distance, 0.95))}


def found_points(network: nn.Module, images: Uint8Array, device: str = "cpu") -> Float32Array:
    """The student's points: (N, S, S, 3) uint8 canonical crops -> (N, 68, 2), 224 px crop."""
    found = []
    with torch.no_grad():
        for rows in batches(len(images)):
            x = warp(as_batch(images, rows), square_theta(len(rows)), INPUT)
            found.append(network(x.to(device)).float().cpu())
    return np.asarray(torch.cat(found).numpy(), np.float32)


def ship(config: LandmarkConfig, run: Path, target: Path, _: Path) -> Card:
    """Export the student; see :data:`faceveil.training.recipes.Ship`."""
    network = LandmarkNet(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    example = {"image": torch.rand(2, 3, INPUT, INPUT)}
    export_onnx(network, example, "points", target, half=True)
    return {
        "kind": "landmarks",
        "title": f"68 face landmarks, distilled from {Path(config.teacher).stem} (MIT)",
        "frame_px": INPUT,
        "input": {"channels": "rgb", "scale": "0 to 1", "square": [*SQUARE, SIDE]},
        "parameters": sum(p.numel() for p in network.parameters()),
        "measured": {config.validation: measured_in(run)},
    }
