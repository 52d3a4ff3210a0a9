"""Recipe: the default protector, against fixed guides and attackers that learn along.

The target is drawn for each face, whatever its gender, so the network needs no label; what a face
reads as then says nothing about the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adam

from faceveil.data.packs import load_packs
from faceveil.inference.card import WEIGHTS
from faceveil.systems.adaptive.attackers import Attacker, begin_again, new_attackers
from faceveil.systems.adaptive.choose import Chooser
from faceveil.systems.adaptive.config import AdaptiveConfig
from faceveil.systems.adaptive.embedded import Bank, Embedded, embedded
from faceveil.systems.adaptive.losses import AsUsed, beyond_nearby, even_odds, smallness, veiled
from faceveil.systems.adaptive.network import ResidualEditor
from faceveil.training import checkpoint, distributed, loop
from faceveil.training.augment import random_view
from faceveil.training.faces import as_batch
from faceveil.training.guides import Guide, as_sure_as_before, load_guide
from faceveil.training.matchers import load_matcher
from faceveil.training.networks.layout import channels_last
from faceveil.training.sheets import write_rows


def build(config: AdaptiveConfig) -> ResidualEditor:
    """The untrained network of a recipe."""
    return ResidualEditor(config.widths, config.bound, config.reach, oval=config.oval)


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
        matchers: frozen, asked in turn.
    """

    def __init__(
        self,
        config: AdaptiveConfig,
        editor: nn.Module,
        guides: Sequence[Guide],
        attackers: Sequence[Attacker],
        matchers: Sequence[Embedded],
    ) -> None:
        self.config, self.editor, self.matchers = config, editor, matchers
        self.guides, self.attackers = guides, attackers
        self.as_used = AsUsed(config) if config.as_used else None
        self.banks = [Bank(config.bank, config.bank_heat) for _ in matchers]

    def __call__(
        self, number: int, image: Tensor, male: Tensor, rows: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss to minimise, and its terms for the log.

        Args:
            number: of the step; decides which matcher is asked.
            image: (N, 3, S, S) in [0, 1].
            male: (N,) true genders; only the attackers are told.
            rows: (N,) which faces of the training set these are.
            generator: draws targets and views.
        """
        c = self.config
        target = draw_targets(len(image), c.neutral, generator).to(image.device)
        with torch.autocast(image.device.type, torch.bfloat16):
            made = self.editor(image, target)
        made = made.float()
        terms: dict[str, Tensor] = {}
        if c.lambda_mirror:
            terms["mirror"] = self._unevenness(image, made, target)
        if self.as_used is not None:
            made = self.as_used(image, made)
        terms |= smallness(made - image)
        loss = c.lambda_square * terms["square"] + c.lambda_smooth * terms["smooth"]
        loss = loss + c.lambda_tone * terms["tone"]
        if c.lambda_mirror:
            loss = loss + c.lambda_mirror * terms["mirror"]
        made = made.clamp(0, 1)
        for name, weight, measure in (
            ("beyond", c.lambda_beyond, beyond_nearby),
            ("veiled", c.lambda_veiled, veiled),
        ):
            if weight:
                terms[name] = measure(image, made)
                loss = loss + weight * terms[name]
        order = torch.randperm(len(self.guides), generator=generator)[: c.guides_a_step]
        level = c.level * (2 * target - 1)
        read = torch.stack([self.guides[int(k)](made, generator) for k in order])
        terms["guides"] = F.smooth_l1_loss(read, level.expand_as(read))
        side = (target != 0.5).expand_as(read)
        terms["fooled"] = ((read > 0) == (target > 0.5))[side].float().mean()
        which = number % len(self.matchers)
        kept = max(1, round(c.match_share * len(image)))
        away, short, found = self.matchers[which].terms(
            made[:kept], rows[:kept], c.hinge_margin, generator
        )
        name = f"match{which}"
        terms |= {name: away, f"short{which}": short}
        loss = loss + c.lambda_guides * terms["guides"]
        loss = loss + c.lambda_m * away + c.lambda_hinge * short
        if c.bank:
            terms[f"bank{which}"] = self.banks[which].even_odds(found)
            loss = loss + c.lambda_bank * terms[f"bank{which}"]
            self.banks[which].remember(found, male[:kept])
        if self.attackers:
            opinions = torch.cat([a.opinion(made, generator) for a in self.attackers])
            terms["even"] = even_odds(opinions)
            fool = F.binary_cross_entropy_with_logits(opinions, target.repeat(len(self.attackers)))
            loss = loss + c.lambda_even * terms["even"] + c.lambda_fool * fool
            lessons = torch.stack([a.lesson(made, male, generator) for a in self.attackers])
            terms["attackers"] = lessons.mean()
            loss = loss + lessons.sum()
        return loss, {k: float(v.detach()) for k, v in terms.items()}

    def _unevenness(self, image: Tensor, made: Tensor, target: Tensor) -> Tensor:
        """Mean square difference of a face's change and its mirror image's, on a share of them."""
        some = max(1, round(self.config.mirror_share * len(image)))
        flipped = image[:some].flip(3)
        with torch.autocast(image.device.type, torch.bfloat16):
            other = self.editor(flipped, target[:some])
        return (made[:some] - image[:some] - (other.float() - flipped).flip(3)).square().mean()


def load_start(run: Path, editor: nn.Module) -> None:
    """Take over the editor of a run, or of shipped weights (a ``.safetensors`` file)."""
    if run.suffix == ".safetensors":
        editor.load_state_dict(load_file(WEIGHTS / run.name))
    else:
        checkpoint.load(run / "checkpoint.safetensors", {"editor": editor})


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
        load_start(output.parent / config.start, editor)
    attackers = new_attackers(config.attackers, device)
    guides = [load_guide(output.parent / name, device) for name in config.guides]
    guides = [as_sure_as_before(g, pack.images, config.level) for g in guides]
    matchers = [
        embedded(
            load_matcher(models / name, config.frame, span, bgr=bgr).to(device),
            pack,
            config.frame,
            output / f"{Path(name).stem}.npz",
            device,
            barycentre=config.barycentre,
        )
        for name, span, bgr in (
            (config.matcher, config.matcher_range, False),
            (config.second_matcher, config.second_range, config.second_bgr),
        )
        if name
    ]
    objective = Objective(config, editor, guides, attackers, matchers)
    chooser = None
    if config.readers:
        readers = [load_guide(output.parent / name, device) for name in config.readers]
        chooser = Chooser(config, data / config.validation, readers, matchers, output, device)
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
        male = torch.from_numpy(pack.male)[rows].to(device)
        return objective(number, image, male, rows, generator)

    def look(number: int) -> None:
        """Faces, towards female, neutral, towards male; and the checkpoint chosen."""
        image = as_batch(pack.images, torch.arange(min(8, len(pack))), config.frame).to(device)
        editor.eval()
        with torch.no_grad():
            rows = [editor(image, image.new_full((len(image),), t)) for t in (0.0, 0.5, 1.0)]
        editor.train()
        if objective.as_used is not None:
            rows = [objective.as_used(image, row) for row in rows]
        write_rows([image, *rows], output, number)
        if chooser is not None:
            chooser(number, editor, objective.as_used)

    return loop.run(
        step,
        modules,
        optimizer,
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        epoch=config.choose_every if config.readers else config.sheet_every,
        on_epoch=look,
    )
