"""Recipe: PrivacyNet, a GAN that gives a face chosen labels while a matcher still sees the person.

The labels are groups: a binary attribute such as gender, or alternatives such as age groups and
races of which exactly one holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam

from faceveil.networks.editor import Editor
from faceveil.networks.layout import channels_last
from faceveil.networks.privacynet import Discriminator, Generator
from faceveil.protectors.labels import names_of, spans
from faceveil.training import loop, wgan
from faceveil.training.chosen import HeldOut
from faceveil.training.config import PrivacyNetConfig
from faceveil.training.guides import Guide, ask_one, load_guide
from faceveil.training.labelled_faces import load_labelled, write_sheet
from faceveil.training.matchers import load_matcher


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
        guides: frozen gender classifiers; each step asks one, on random views of the faces.
    """

    def __init__(
        self,
        config: PrivacyNetConfig,
        editor: Editor,
        critic: Discriminator,
        matcher: nn.Module,
        guides: Sequence[Guide] = (),
    ) -> None:
        self.config, self.editor, self.critic, self.matcher = config, editor, critic, matcher
        self.guides = guides

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
            if self.guides:
                wanted = target[:, names_of(c.groups).index("Male")]
                terms["G_guide"] = ask_one(self.guides, made, wanted, generator)
                loss = loss + c.lambda_guides * terms["G_guide"]
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
    labels = len(names_of(config.groups))
    faces = load_labelled(config.data, data, output.parent / config.labels, config.groups)
    editor = channels_last(build(config), device)
    critic = channels_last(
        Discriminator(config.frame, labels, config.critic_width, config.critic_layers), device
    )
    matcher = load_matcher(models / config.matcher, config.frame, config.matcher_range).to(device)
    guides = [load_guide(output.parent / name, device) for name in config.guides]
    objective = Objective(config, editor, critic, matcher, guides)
    modules: dict[str, nn.Module] = {"editor": editor, "critic": critic}
    parameters = [p for m in modules.values() for p in m.parameters()]

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        image, source = faces.draw(config.batch, config.frame, generator, device)
        return objective(number, image, source, generator)

    def sheet(number: int) -> None:
        """Each label given to the faces in its group, a row each."""
        image, source = faces.shown(config.frame, device)
        edits = []
        for start, width in spans(config.groups):
            for k in range(start, start + width):
                target = source.clone()
                target[:, start : start + width] = 0
                target[:, k] = 1 - source[:, k] if width == 1 else 1
                edits.append((target, source))
        write_sheet(editor, image, edits, output, number)
        if held_out is not None:
            held_out(number, editor)

    def flip(image: Tensor, male: Tensor) -> tuple[Tensor, Tensor]:
        # Age and race as the average face of the training set has them, wanted and kept alike.
        source = torch.from_numpy(faces.labels.mean(axis=0)).to(image.device)
        kept = source.repeat(len(image), 1)
        column = names_of(config.groups).index("Male")
        kept[:, column] = male
        target = kept.clone()
        target[:, column] = 1 - male
        return target, kept

    held_out = None
    if config.held_out:
        run, pack = output.parent / config.held_out, data / config.validation
        held_out = HeldOut(run, pack, config.frame, flip, output, device)

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
        schedule=wgan.linear_decay,
    )
