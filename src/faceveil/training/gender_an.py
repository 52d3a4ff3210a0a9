"""Recipe: Gender-AN, a GAN that edits attributes while a matcher still sees the person."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adam

from faceveil.data.packs import load_packs
from faceveil.networks.editor import Editor
from faceveil.networks.gender_an import Discriminator, Generator
from faceveil.networks.layout import channels_last
from faceveil.training import attributes, distributed, loop, wgan
from faceveil.training.config import GenderANConfig
from faceveil.training.contact_sheet import write_png
from faceveil.training.gender import as_batch
from faceveil.training.matchers import load_matcher
from faceveil.types import Float32Array, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """A training set in memory.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        labels: (N, A) float32, 0 or 1.
    """

    images: Uint8Array
    labels: Float32Array

    def draw(
        self, batch: int, frame: int, generator: torch.Generator, device: str
    ) -> tuple[Tensor, Tensor]:
        """A random batch, half of it mirrored: (B, 3, frame, frame) in [0, 1], (B, A)."""
        count = distributed.share(batch)
        rows = torch.randint(len(self.images), (count,), generator=generator)
        image = as_batch(self.images, rows, frame)
        mirrored = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
        image = torch.where(mirrored, image.flip(3), image)
        return image.to(device), torch.from_numpy(self.labels)[rows].to(device)


def load_labelled(
    paths: tuple[str, ...], data: Path, run: Path, wanted: tuple[str, ...]
) -> LabelledFaces:
    """The packs with the labels that a finished attribute run gives them."""
    labels = attributes.read_labels(run, paths, wanted)
    images = load_packs([data / name for name in paths]).images
    return LabelledFaces(images, (labels > 0.5).astype(np.float32))


def build(config: GenderANConfig) -> Editor:
    """The untrained generator of a recipe."""
    generator = Generator(len(config.attributes), config.widths, stu_norm=config.stu_norm)
    return Editor(generator, anchored=config.anchored)


class Objective:
    """L_D + L_G of one batch (Gender-AN eqs. 7 and 8); L_G on every ``critic_steps``-th step.

    Args:
        config: weights and variants.
        editor: the generator.
        critic: the discriminator; L_G sees it frozen.
        matcher: frozen; faces (N, 3, S, S) in [0, 1] -> descriptors (N, D).
    """

    def __init__(
        self, config: GenderANConfig, editor: Editor, critic: Discriminator, matcher: nn.Module
    ) -> None:
        self.config, self.editor, self.critic, self.matcher = config, editor, critic, matcher

    def __call__(
        self, step: int, image: Tensor, source: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss to minimise, and its terms for the log.

        Args:
            step: number of the step.
            image: (N, 3, S, S) in [0, 1].
            source: (N, A) labels, 0 or 1.
            generator: draws targets, strengths and views.
        """
        c, device = self.config, image.device.type
        order = torch.randperm(len(image), generator=generator).to(image.device)
        target = source[order]
        # The strength of each attribute's change is random, so that the trained network has a dial.
        strength = torch.rand(source.shape, generator=generator).to(image.device)
        difference = (target - source) * (strength if c.random_strength else 1)
        for_generator = (step + 1) % c.critic_steps == 0
        with (
            torch.set_grad_enabled(for_generator),
            torch.autocast(device, torch.bfloat16),
        ):
            made, reproduced = self.editor.parts(image, difference, torch.zeros_like(difference))
        made, reproduced = made.float(), reproduced.float()
        terms = wgan.critic_terms(
            self.critic, image, made.detach(), source, generator, views=c.views
        )
        loss = terms["D_adv"] + c.lambda_gp * terms["D_gp"] + c.lambda_1 * terms["D_att"]
        if for_generator:
            terms |= wgan.generator_terms(self.critic, made, target, generator, views=c.views)
            terms["G_rec"] = (image - reproduced).abs().mean()
            terms["G_fm"] = wgan.matcher_term(self.matcher, image, made, c.match_share)
            loss = loss + terms["G_adv"] + c.lambda_2 * terms["G_att"]
            loss = loss + c.lambda_3 * terms["G_rec"] + c.lambda_4 * terms["G_fm"]
        return loss, {k: float(v.detach()) for k, v in terms.items()}


def train(
    config: GenderANConfig, data: Path, models: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Run the recipe.

    Args:
        config: the recipe.
        data: folder of the packs.
        models: folder of the auxiliary matcher.
        output: folder for checkpoints and logs; the attribute run is its sibling.
        device: ``cpu`` or ``cuda``.

    Returns:
        Mean of the last training terms, for the record; judges measure elsewhere.
    """
    torch.manual_seed(config.seed)
    faces = load_labelled(config.data, data, output.parent / config.labels, config.attributes)
    editor = channels_last(build(config), device)
    critic = channels_last(Discriminator(config.frame, len(config.attributes)), device)
    matcher = load_matcher(models / config.matcher, config.frame, config.matcher_range).to(device)
    objective = Objective(config, editor, critic, matcher)
    modules: dict[str, nn.Module] = {"editor": editor, "critic": critic}
    parameters = [p for m in modules.values() for p in m.parameters()]

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        image, source = faces.draw(config.batch, config.frame, generator, device)
        return objective(number, image, source, generator)

    def sheet(number: int) -> None:
        picture = edits(editor, faces, config.frame, device)
        write_png(picture, output / "sheets" / f"step-{number:07d}.png")

    return loop.run(
        step,
        modules,
        Adam(parameters, lr=config.peak, betas=(0.5, 0.999)),
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        epoch=config.sheet_every or math.ceil(len(faces.images) / config.batch),
        on_epoch=sheet,
        schedule=wgan.step_decay,
    )


def edits(editor: Editor, faces: LabelledFaces, frame: int, device: str) -> Uint8Array:
    """A sheet: faces, then each attribute of them flipped, a row each.

    Returns:
        (rows * frame, columns * frame, 3) uint8.
    """
    image = as_batch(faces.images, torch.arange(min(8, len(faces.images))), frame).to(device)
    source = torch.from_numpy(faces.labels[: len(image)]).to(device)
    editor.eval()
    rows = [image]
    with torch.no_grad():
        for k in range(source.shape[1]):
            difference = torch.zeros_like(source)
            difference[:, k] = 1 - 2 * source[:, k]
            rows.append(editor(image, difference, torch.zeros_like(difference)))
    editor.train()
    grid = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    grid = F.hardtanh(grid.float(), 0, 1).permute(1, 2, 0).cpu()
    return np.asarray(np.rint(grid.numpy() * 255), np.uint8)
