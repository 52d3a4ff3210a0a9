"""Recipe: distil a small face matcher from a larger one on packs.

The student learns the teacher's unit embedding of random views and blends of faces: the teacher
can name any image, so blends of two aligned faces are as good as new people.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.packs import Pack, load_packs
from faceveil.imaging.geometry import arcface_from_canonical, invert
from faceveil.inference.thresholds import enough_impostors, threshold_at_fmr
from faceveil.training import checkpoint, loop
from faceveil.training.augment import random_view, warp
from faceveil.training.classifiers import MatcherConfig
from faceveil.training.export import export_onnx, measured_in
from faceveil.training.faces import as_batch, batches
from faceveil.training.matchers import ARCFACE_SIDE, normalised_theta
from faceveil.training.networks.face_resnet import FaceResNet
from faceveil.training.networks.layout import channels_last
from faceveil.training.recipes import Card

FMRS = (0.01, 0.001)


class Teacher:
    """Unit embeddings of ArcFace crops from an ONNX matcher with input (x - 127.5) / 127.5."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def __call__(self, image: Tensor) -> Tensor:
        """(N, 3, 112, 112) RGB in [0, 1] -> (N, D)."""
        pixels = np.ascontiguousarray((2 * image.cpu() - 1).numpy())
        (out,) = self.session.run(None, {self.input: pixels})
        return F.normalize(torch.from_numpy(np.asarray(out)), dim=1)


def arcface_view(x: Tensor) -> Tensor:
    """Canonical crops (N, 3, S, S) -> ArcFace crops (N, 3, 112, 112)."""
    side = x.shape[-1]
    theta = normalised_theta(invert(arcface_from_canonical(side)), side, ARCFACE_SIDE)
    return warp(x, theta.expand(len(x), 2, 3), ARCFACE_SIDE)


def train(
    config: MatcherConfig, data: Path, models: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Distil the teacher and measure the student on the validation pack.

    Returns:
        ``agreement`` (mean cosine with the teacher on the validation pack) and the verification
        figures of :func:`verify`.

    Raises:
        OptionError: if the validation pack has too few pairs of different people to measure.
    """
    torch.manual_seed(config.seed)
    validation = load_packs([data / config.validation])
    same = validation.identity[:, None] == validation.identity[None]
    enough_impostors(int((~same).sum()) // 2, min(FMRS))  # rather now than after the training
    pack = load_packs([data / name for name in config.data])
    teacher = Teacher(models / config.teacher)
    width = teacher(torch.zeros(1, 3, ARCFACE_SIDE, ARCFACE_SIDE)).shape[1]
    network = channels_last(FaceResNet(width, config.widths, config.blocks), device)

    def step(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        indices = torch.randint(len(pack), (config.batch,), generator=generator)
        x = arcface_view(as_batch(pack.images, indices))
        x = random_view(x, generator, degrees=5, scale=0.08, shift=0.03, blur=0.2, tone=0.3)
        blends = round(config.mixing * config.batch)
        share = 0.5 * torch.rand(blends, 1, 1, 1, generator=generator)
        partner = torch.randperm(config.batch, generator=generator)[:blends]
        x = torch.cat([(1 - share) * x[:blends] + share * x[partner], x[blends:]])
        grey = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.3
        x = torch.where(grey, x.mean(1, keepdim=True), x).clamp(0, 1)
        wanted = teacher(x).to(device)
        with torch.autocast(device, torch.bfloat16):
            found = network(x.to(device).contiguous(memory_format=torch.channels_last))
        loss = (1 - F.cosine_similarity(found.float(), wanted)).mean()
        return loss, {"1-cos": float(loss.detach())}

    loop.fit(
        network,
        step,
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        weight_decay=1e-2,
    )
    return verify(network, teacher, validation, device)


def verify(
    network: nn.Module, teacher: Teacher, pack: Pack, device: str = "cpu"
) -> dict[str, float]:
    """Verification on a pack: TMR and cosine thresholds at FMR 1 % and 0.1 %, student and teacher.

    Genuine and impostor scores are the cosines of all pairs of different images.

    Raises:
        OptionError: if there are too few pairs of different people for an FMR.
    """
    students, teachers = [], []
    with torch.no_grad():
        for indices in batches(len(pack)):
            x = arcface_view(as_batch(pack.images, indices))
            students.append(F.normalize(network(x.to(device)).float().cpu(), dim=1))
            teachers.append(teacher(x))
    student, reference = torch.cat(students), torch.cat(teachers)
    measured = {"agreement": float((student * reference).sum(1).mean())}
    same = torch.from_numpy(pack.identity[:, None] == pack.identity[None])
    upper = torch.ones_like(same).triu(1)
    for name, embedding in (("student", student), ("teacher", reference)):
        scores = embedding @ embedding.t()
        genuine = scores[upper & same].numpy()
        impostor = scores[upper & ~same].numpy()
        for fmr in FMRS:
            threshold = threshold_at_fmr(impostor, fmr)
            measured[f"{name}_threshold@{fmr}"] = threshold
            measured[f"{name}_tmr@{fmr}"] = float((genuine >= threshold).mean())
    return measured


class _Normalised(nn.Module):
    """Embeddings of unit length."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return F.normalize(self.network(image), dim=1)


def ship(config: MatcherConfig, run: Path, target: Path, _: Path) -> Card:
    """Export the student; see :data:`faceveil.training.recipes.Ship`."""
    path = run / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as file:
        width = int(file.get_slice("network.output.bias").get_shape()[0])
    network = FaceResNet(width, config.widths, config.blocks)
    checkpoint.load(path, {"network": network})
    example = {"image": torch.rand(2, 3, ARCFACE_SIDE, ARCFACE_SIDE)}
    export_onnx(_Normalised(network), example, "embedding", target)
    measured = measured_in(run)
    return {
        "kind": "matcher",
        "title": f"Face matcher distilled from {Path(config.teacher).stem}",
        "frame_px": ARCFACE_SIDE,
        "input": {"channels": "rgb", "scale": "0 to 1", "frame": "ArcFace 112"},
        "thresholds": {str(fmr): measured[f"student_threshold@{fmr}"] for fmr in FMRS},
        "measured": {config.validation: measured},
    }
