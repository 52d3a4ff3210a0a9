"""Recipe: Gender-AN, a GAN that edits attributes while a matcher still sees the person."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from faceveil.systems.editors.config import GenderANConfig
from faceveil.systems.editors.labelled_faces import load_labelled
from faceveil.systems.editors.network import Editor
from faceveil.systems.editors.network_gender_an import Discriminator, Generator
from faceveil.systems.editors.train import Team, Weights, gather, ship_editor, train_editor
from faceveil.training.recipes import Card


def build(config: GenderANConfig) -> Editor:
    """The untrained generator of a recipe."""
    generator = Generator(
        len(config.attributes),
        config.widths,
        stu_norm=config.stu_norm,
        at_input=config.condition == "input",
    )
    return Editor(generator, anchored=config.anchored)


def objective(
    team: Team, step: int, image: Tensor, source: Tensor, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """L_D + L_G of one batch (Gender-AN eqs. 7 and 8).

    Args:
        team: the networks of a Gender-AN recipe.
        step: its number.
        image: (N, 3, S, S) in [0, 1].
        source: (N, A) labels, 0 or 1.
        generator: draws targets, strengths and views.

    Returns:
        The loss to minimise, and its terms for the log.
    """
    c = team.config
    assert isinstance(c, GenderANConfig)
    target = source[torch.randperm(len(image), generator=generator).to(image.device)]
    # The strength of each attribute's change is random, so that the trained network has a dial.
    strength = torch.rand(source.shape, generator=generator).to(image.device)
    difference = (target - source) * (strength if c.random_strength else 1)
    trains = team.trains_generator(step)
    with torch.set_grad_enabled(trains), torch.autocast(image.device.type, torch.bfloat16):
        made, reproduced = team.editor.parts(image, difference, torch.zeros_like(difference))
    weights = Weights(c.lambda_1, c.lambda_2, c.lambda_3, c.lambda_4)
    rebuilt = reproduced.float() if trains else None
    return team.total(image, made.float(), rebuilt, source, target, weights, generator)


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
    count, male = len(config.attributes), config.attributes.index("Male")
    faces = load_labelled(config, data, output.parent / config.labels, config.attributes)
    editor = build(config)
    critic = Discriminator(config.frame, count, conditioned=config.condition_critic)
    team = gather(config, editor, critic, male, models, output.parent, device)

    def edits(source: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each attribute flipped, a row each."""
        none = torch.zeros_like(source)
        flipped = torch.diag_embed(1 - 2 * source).unbind(dim=1)
        return [(wanted, none) for wanted in flipped]

    def flip(image: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        difference = torch.zeros(len(image), count, device=image.device)
        difference[:, male] = 1 - 2 * own
        return difference, torch.zeros_like(difference)

    return train_editor(team, objective, faces, edits, flip, data, output, device, config.start)


def ship(config: GenderANConfig, run: Path, target: Path, _: Path) -> Card:
    """Export the generator; see :data:`faceveil.training.recipes.Ship`."""
    card = ship_editor(config, build(config), config.attributes, run, target)
    return {"title": "Gender-AN (IEEE IoT Journal 2022)", "condition": "difference"} | card
