"""Recipe: Gender-AN, a GAN that edits attributes while a matcher still sees the person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam

from faceveil.networks.editor import Editor
from faceveil.networks.gender_an import Discriminator, Generator
from faceveil.networks.layout import channels_last
from faceveil.training import checkpoint, loop, wgan
from faceveil.training.chosen import HeldOut
from faceveil.training.config import GenderANConfig
from faceveil.training.guides import Guide, ask_one, load_guide
from faceveil.training.labelled_faces import load_labelled, write_sheet
from faceveil.training.matchers import load_matcher


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
        guides: frozen gender classifiers; each step asks one, on random views of the faces.
    """

    def __init__(
        self,
        config: GenderANConfig,
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
            if self.guides:
                wanted = target[:, c.attributes.index("Male")]
                terms["G_guide"] = ask_one(self.guides, made, wanted, generator)
                loss = loss + c.lambda_guides * terms["G_guide"]
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
    guides = [load_guide(output.parent / name, device) for name in config.guides]
    objective = Objective(config, editor, critic, matcher, guides)
    modules: dict[str, nn.Module] = {"editor": editor, "critic": critic}
    if config.start and not (output / "checkpoint.safetensors").is_file():
        checkpoint.load(output.parent / config.start / "checkpoint.safetensors", modules)
    parameters = [p for m in modules.values() for p in m.parameters()]

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        image, source = faces.draw(config.batch, config.frame, generator, device)
        return objective(number, image, source, generator)

    def sheet(number: int) -> None:
        """Each attribute flipped, a row each."""
        source = faces.shown(config.frame, device)[1]
        none = torch.zeros_like(source)
        flips = []
        for k in range(source.shape[1]):
            flips.append((none.clone(), none))
            flips[-1][0][:, k] = 1 - 2 * source[:, k]
        write_sheet(editor, faces.shown(config.frame, device)[0], flips, output, number)
        if held_out is not None:
            held_out(number, editor)

    def flip(image: Tensor, male: Tensor) -> tuple[Tensor, Tensor]:
        difference = torch.zeros(len(image), len(config.attributes), device=image.device)
        difference[:, config.attributes.index("Male")] = 1 - 2 * male
        return difference, torch.zeros_like(difference)

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
        schedule=wgan.step_decay,
    )
