"""Recipe: PrivacyNet, a GAN that gives a face chosen labels while a matcher still sees the person.

The labels are groups: a binary attribute such as gender, or alternatives such as age groups and
races of which exactly one holds.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adam

from faceveil.data.packs import load_packs
from faceveil.networks.editor import Editor
from faceveil.networks.layout import channels_last
from faceveil.networks.privacynet import Discriminator, Generator
from faceveil.protectors.labels import names_of, one_hot, spans
from faceveil.training import attributes, loop, wgan
from faceveil.training.config import PrivacyNetConfig
from faceveil.training.contact_sheet import write_png
from faceveil.training.gender import as_batch
from faceveil.training.gender_an import LabelledFaces
from faceveil.training.matchers import load_matcher
from faceveil.types import Uint8Array


def build(config: PrivacyNetConfig) -> Editor:
    """The untrained generator of a recipe."""
    generator = Generator(len(names_of(config.groups)), config.width, config.blocks)
    return Editor(generator, anchored=config.anchored)


class Objective:
    """L_D + L_G of one batch; L_G on every ``critic_steps``-th step.

    Args:
        config: weights and variants.
        editor: the generator.
        critic: the discriminator; L_G sees it frozen.
        matcher: frozen; faces (N, 3, S, S) in [0, 1] -> descriptors (N, D).
    """

    def __init__(
        self, config: PrivacyNetConfig, editor: Editor, critic: Discriminator, matcher: nn.Module
    ) -> None:
        self.config, self.editor, self.critic, self.matcher = config, editor, critic, matcher

    def __call__(
        self, step: int, image: Tensor, source: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss to minimise, and its terms for the log.

        Args:
            step: number of the step.
            image: (N, 3, S, S) in [0, 1].
            source: (N, L) labels, 0 or 1.
            generator: draws targets and views.
        """
        c, device = self.config, image.device.type
        target = source[torch.randperm(len(image), generator=generator).to(image.device)]
        for_generator = (step + 1) % c.critic_steps == 0
        with torch.set_grad_enabled(for_generator), torch.autocast(device, torch.bfloat16):
            made = self.editor(image, target, source).float()
        terms = wgan.critic_terms(
            self.critic, image, made.detach(), source, generator, views=c.views
        )
        loss = terms["D_adv"] + c.lambda_gp * terms["D_gp"] + c.lambda_cls * terms["D_att"]
        if for_generator:
            with torch.autocast(device, torch.bfloat16):
                back = self.editor.generator(made, source).float()
            terms |= wgan.generator_terms(self.critic, made, target, generator, views=c.views)
            terms["G_rec"] = (image - back).abs().mean()
            terms["G_fm"] = wgan.matcher_term(self.matcher, image, made, c.match_share)
            loss = loss + terms["G_adv"] + c.lambda_cls * terms["G_att"]
            loss = loss + c.lambda_rec * terms["G_rec"] + c.lambda_m * terms["G_fm"]
        return loss, {k: float(v.detach()) for k, v in terms.items()}


def train(
    config: PrivacyNetConfig, data: Path, models: Path, output: Path, device: str = "cpu"
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
    names = names_of(config.groups)
    p = attributes.read_labels(output.parent / config.labels, config.data, names)
    images = load_packs([data / name for name in config.data]).images
    faces = LabelledFaces(images, one_hot(p, config.groups))
    editor = channels_last(build(config), device)
    critic = channels_last(
        Discriminator(config.frame, len(names), config.critic_width, config.critic_layers), device
    )
    matcher = load_matcher(models / config.matcher, config.frame, config.matcher_range).to(device)
    objective = Objective(config, editor, critic, matcher)
    modules: dict[str, nn.Module] = {"editor": editor, "critic": critic}
    parameters = [p for m in modules.values() for p in m.parameters()]

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        image, source = faces.draw(config.batch, config.frame, generator, device)
        return objective(number, image, source, generator)

    def sheet(number: int) -> None:
        picture = edits(editor, faces, config, device)
        write_png(picture, output / "sheets" / f"step-{number:07d}.png")

    return loop.run(
        step,
        modules,
        Adam(parameters, lr=config.peak, betas=(0.5, 0.999)),
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        epoch=config.sheet_every or math.ceil(len(images) / config.batch),
        on_epoch=sheet,
        schedule=wgan.linear_decay,
    )


def edits(
    editor: Editor, faces: LabelledFaces, config: PrivacyNetConfig, device: str
) -> Uint8Array:
    """A sheet: faces, then each label given to them in its group, a row each.

    Returns:
        (rows * frame, columns * frame, 3) uint8.
    """
    shown = torch.arange(min(8, len(faces.images)))
    image = as_batch(faces.images, shown, config.frame).to(device)
    source = torch.from_numpy(faces.labels[: len(image)]).to(device)
    editor.eval()
    rows = [image]
    with torch.no_grad():
        for start, width in spans(config.groups):
            for k in range(start, start + width):
                target = source.clone()
                target[:, start : start + width] = 0
                target[:, k] = 1 - source[:, k] if width == 1 else 1
                rows.append(editor(image, target, source))
    editor.train()
    grid = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    grid = F.hardtanh(grid.float(), 0, 1).permute(1, 2, 0).cpu()
    return np.asarray(np.rint(grid.numpy() * 255), np.uint8)
