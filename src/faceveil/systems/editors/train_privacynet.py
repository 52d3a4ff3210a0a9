"""Recipe: PrivacyNet, a GAN that gives a face chosen labels while a matcher still sees the person.

The labels are groups: a binary attribute such as gender, or alternatives such as age groups and
races of which exactly one holds.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from faceveil.systems.editors.config import PrivacyNetConfig
from faceveil.systems.editors.labelled_faces import load_labelled
from faceveil.systems.editors.labels import names_of, spans
from faceveil.systems.editors.network import Editor
from faceveil.systems.editors.network_privacynet import Discriminator, Generator
from faceveil.systems.editors.train import Team, Weights, gather, ship_editor, train_editor
from faceveil.training.recipes import Card


def build(config: PrivacyNetConfig) -> Editor:
    """The untrained generator of a recipe."""
    generator = Generator(len(names_of(config.groups)), config.width, config.blocks)
    return Editor(generator, anchored=config.anchored)


def objective(
    team: Team, step: int, image: Tensor, source: Tensor, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """L_D + L_G of one batch; L_rec is of the way to the target's labels and back.

    Args:
        team: the networks of a PrivacyNet recipe.
        step: its number.
        image: (N, 3, S, S) in [0, 1].
        source: (N, L) labels, 0 or 1.
        generator: draws targets and views.

    Returns:
        The loss to minimise, and its terms for the log.
    """
    c = team.config
    assert isinstance(c, PrivacyNetConfig)
    target = source[torch.randperm(len(image), generator=generator).to(image.device)]
    trains = team.trains_generator(step)
    back = None
    with torch.set_grad_enabled(trains), torch.autocast(image.device.type, torch.bfloat16):
        made = team.editor(image, target, source).float()
        if trains:
            back = team.editor.generator(made, source).float()
    weights = Weights(c.lambda_cls, c.lambda_cls, c.lambda_rec, c.lambda_m)
    return team.total(image, made, back, source, target, weights, generator)


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
    male = names.index("Male")
    faces = load_labelled(config, data, output.parent / config.labels, config.groups)
    editor = build(config)
    critic = Discriminator(config.frame, len(names), config.critic_width, config.critic_layers)
    team = gather(config, editor, critic, male, models, output.parent, device)

    def edits(source: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each label given to the faces in its group, a row each."""
        rows = []
        for start, width in spans(config.groups):
            for k in range(start, start + width):
                target = source.clone()
                target[:, start : start + width] = 0
                target[:, k] = 1 - source[:, k] if width == 1 else 1
                rows.append((target, source))
        return rows

    def flip(image: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        # Age and race as the average face of the training set has them, wanted and kept alike.
        kept = torch.from_numpy(faces.labels.mean(axis=0)).to(image.device).repeat(len(image), 1)
        kept[:, male] = own
        target = kept.clone()
        target[:, male] = 1 - own
        return target, kept

    return train_editor(team, objective, faces, edits, flip, data, output, device)


def ship(config: PrivacyNetConfig, run: Path, target: Path, _: Path) -> Card:
    """Export the generator; see :data:`faceveil.training.recipes.Ship`."""
    card = ship_editor(config, build(config), config.groups, run, target)
    return {"title": "PrivacyNet (IEEE TIP 2020)", "condition": "labels"} | card
