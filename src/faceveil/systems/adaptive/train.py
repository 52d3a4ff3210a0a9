"""Recipe: the default protector, against fixed guides and attackers that learn along.

The target is drawn for each face, whatever its gender, so the network needs no label; what a face
reads as then says nothing about the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adam

from faceveil.data.packs import load_packs
from faceveil.systems.adaptive.attackers import Attacker, begin_again, new_attackers
from faceveil.systems.adaptive.network import ResidualEditor
from faceveil.systems.editors import wgan
from faceveil.systems.editors.labelled_faces import write_rows
from faceveil.training import checkpoint, distributed, loop
from faceveil.training.augment import random_view
from faceveil.training.config import AdaptiveConfig
from faceveil.training.gender import as_batch
from faceveil.training.guides import Guide, load_guide, luma
from faceveil.training.matchers import load_matcher
from faceveil.training.networks.layout import channels_last


def build(config: AdaptiveConfig) -> ResidualEditor:
    """The untrained network of a recipe."""
    return ResidualEditor(config.widths, config.bound, config.reach)


def even_odds(logit: Tensor) -> Tensor:
    """-mean of log p(male) and log p(female): smallest, log 2, where both are a half."""
    return (F.softplus(logit) + F.softplus(-logit)).mean() / 2


def smallness(change: Tensor) -> dict[str, Tensor]:
    """What keeps a change (N, 3, S, S) from sight.

    Returns:
        ``square``, its mean square; ``smooth``, its total variation per pixel; ``tone``, the mean
        square of its chroma, averaged over 8 x 8 pixels: skin keeps its colour.
    """
    chroma = F.avg_pool2d(change - luma(change), 8)
    across = (change[..., 1:] - change[..., :-1]).abs().mean()
    down = (change[..., 1:, :] - change[..., :-1, :]).abs().mean()
    return {
        "square": change.square().mean(),
        "smooth": across + down,
        "tone": chroma.square().mean(),
    }


def draw_targets(count: int, neutral: float, generator: torch.Generator) -> Tensor:
    """(count,) of 0, 1 and, for that share of them, 0.5."""
    target = (torch.rand(count, generator=generator) < 0.5).float()
    if not neutral:
        return target
    return torch.where(torch.rand(count, generator=generator) < neutral, 0.5, target)


def loosely_aligned(image: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Faces (N, 3, S, S), that share of them turned, scaled and shifted as a detector might."""
    moved = random_view(image, generator, degrees=5, scale=0.08, shift=0.025, blur=0, tone=0)
    which = torch.rand(len(image), 1, 1, 1, generator=generator) < share
    return torch.where(which.to(image.device), moved.clamp(0, 1), image)


class Objective:
    """The editor's loss and the attackers' lessons of one batch, added up.

    Args:
        config: weights.
        editor: the trained network.
        guides: fixed gender classifiers.
        attackers: those that learn along; their weights get gradients of their lessons only.
        matcher: frozen; faces (N, 3, S, S) in [0, 1] -> descriptors (N, D).
    """

    def __init__(
        self,
        config: AdaptiveConfig,
        editor: nn.Module,
        guides: Sequence[Guide],
        attackers: Sequence[Attacker],
        matcher: nn.Module,
    ) -> None:
        self.config, self.editor, self.matcher = config, editor, matcher
        self.guides, self.attackers = guides, attackers

    def __call__(
        self, image: Tensor, male: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss to minimise, and its terms for the log.

        Args:
            image: (N, 3, S, S) in [0, 1].
            male: (N,) true genders; only the attackers are told.
            generator: draws targets and views.
        """
        c = self.config
        target = draw_targets(len(image), c.neutral, generator).to(image.device)
        with torch.autocast(image.device.type, torch.bfloat16):
            made = self.editor(image, target)
        made = made.float()
        terms = smallness(made - image)
        loss = c.lambda_square * terms["square"] + c.lambda_smooth * terms["smooth"]
        loss = loss + c.lambda_tone * terms["tone"]
        made = made.clamp(0, 1)
        order = torch.randperm(len(self.guides), generator=generator)[: c.guides_a_step]
        level = c.level * (2 * target - 1)
        read = torch.stack([self.guides[int(k)](made, generator) for k in order])
        terms["guides"] = F.smooth_l1_loss(read, level.expand_as(read))
        side = (target != 0.5).expand_as(read)
        terms["fooled"] = ((read > 0) == (target > 0.5))[side].float().mean()
        terms["match"] = wgan.matcher_term(self.matcher, image, made, c.match_share) / 2
        loss = loss + c.lambda_guides * terms["guides"] + c.lambda_m * terms["match"]
        if self.attackers:
            opinions = torch.cat([a.opinion(made, generator) for a in self.attackers])
            terms["even"] = even_odds(opinions)
            fool = F.binary_cross_entropy_with_logits(opinions, target.repeat(len(self.attackers)))
            loss = loss + c.lambda_even * terms["even"] + c.lambda_fool * fool
            lessons = torch.stack([a.lesson(made, male, generator) for a in self.attackers])
            terms["attackers"] = lessons.mean()
            loss = loss + lessons.sum()
        return loss, {k: float(v.detach()) for k, v in terms.items()}


def train(
    config: AdaptiveConfig, data: Path, models: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Run the recipe.

    Args:
        config: the recipe.
        data: folder of the packs.
        models: folder of the auxiliary matcher.
        output: folder for checkpoints and logs; the guides' runs are its siblings.
        device: ``cpu`` or ``cuda``.

    Returns:
        Mean of the last training terms, for the record; judges measure elsewhere.
    """
    torch.manual_seed(config.seed)
    pack = load_packs([data / name for name in config.data])
    editor = channels_last(build(config), device)
    if config.start and not (output / "checkpoint.safetensors").is_file():
        checkpoint.load(output.parent / config.start / "checkpoint.safetensors", {"editor": editor})
    attackers = new_attackers(config.attackers, device)
    guides = [load_guide(output.parent / name, device) for name in config.guides]
    matcher = load_matcher(models / config.matcher, config.frame, config.matcher_range).to(device)
    objective = Objective(config, editor, guides, attackers, matcher)
    modules: dict[str, nn.Module] = {"editor": editor}
    modules |= {f"attacker{k}": a.network for k, a in enumerate(attackers)}
    parameters = [p for m in modules.values() for p in m.parameters()]
    optimizer = Adam(parameters, lr=config.peak, betas=(0.5, 0.99))

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        if attackers and number and number % config.fresh_every == 0:
            turn = (number // config.fresh_every - 1) % len(attackers)
            begin_again(attackers[turn], optimizer, config.seed * 1000 + number)
        count = distributed.share(config.batch)
        rows = torch.randint(len(pack), (count,), generator=generator)
        image = as_batch(pack.images, rows, config.frame).to(device)
        mirrored = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
        image = torch.where(mirrored.to(device), image.flip(3), image)
        if config.loose:
            image = loosely_aligned(image, config.loose, generator)
        return objective(image, torch.from_numpy(pack.male)[rows].to(device), generator)

    def sheet(number: int) -> None:
        """Faces, towards female, neutral, towards male."""
        image = as_batch(pack.images, torch.arange(min(8, len(pack))), config.frame).to(device)
        editor.eval()
        with torch.no_grad():
            rows = [editor(image, image.new_full((len(image),), t)) for t in (0.0, 0.5, 1.0)]
        editor.train()
        write_rows([image, *rows], output, number)

    return loop.run(
        step,
        modules,
        optimizer,
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        epoch=config.sheet_every,
        on_epoch=sheet,
    )
