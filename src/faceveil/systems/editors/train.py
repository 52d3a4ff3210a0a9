"""What training Gender-AN and training PrivacyNet have in common: a GAN that edits attributes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam

from faceveil.systems.editors import wgan
from faceveil.systems.editors.chosen import BEST, Conditions, HeldOut
from faceveil.systems.editors.config import GenderANConfig, PrivacyNetConfig
from faceveil.systems.editors.labelled_faces import LabelledFaces, write_sheet
from faceveil.systems.editors.labels import names_of
from faceveil.systems.editors.network import Editor
from faceveil.training import checkpoint, loop
from faceveil.training.export import export_onnx, write_safetensors
from faceveil.training.guides import Guide, ask_one, load_guide
from faceveil.training.matchers import load_matcher
from faceveil.training.networks.layout import channels_last
from faceveil.training.recipes import Card

Config = GenderANConfig | PrivacyNetConfig
Edits = Callable[[Tensor], list[tuple[Tensor, Tensor]]]
"""Labels (N, A) -> what is wanted and what is kept, for every row of a sheet."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the terms: attributes in L_D and in L_G, reconstruction, matcher."""

    critic: float
    attributes: float
    reconstruction: float
    matcher: float


@dataclass(frozen=True, slots=True, eq=False)
class Team:
    """The networks of a run.

    Attributes:
        config: the recipe.
        editor: the generator.
        critic: the discriminator; L_G sees it frozen.
        matcher: frozen; faces (N, 3, S, S) in [0, 1] -> descriptors (N, D).
        guides: frozen gender classifiers; each step asks one, on random views of the faces.
        male: which label is the gender.
    """

    config: Config
    editor: Editor
    critic: nn.Module
    matcher: nn.Module
    guides: Sequence[Guide]
    male: int

    def trains_generator(self, step: int) -> bool:
        """Whether L_G is part of this step: every ``critic_steps``-th."""
        return (step + 1) % self.config.critic_steps == 0

    def total(
        self,
        image: Tensor,
        made: Tensor,
        rebuilt: Tensor | None,
        source: Tensor,
        target: Tensor,
        weights: Weights,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:
        """L_D, plus L_G where there is a rebuilt face, and their terms for the log.

        Args:
            image: (N, 3, S, S) in [0, 1].
            made: the edited faces.
            rebuilt: what should equal ``image``; None on the critic's own steps.
            source: (N, A) labels of the faces.
            target: (N, A) labels that the edited faces are to have.
            weights: of the terms.
            generator: draws views and guides.
        """
        c = self.config
        span = c.value_range[1] - c.value_range[0]  # the losses are of values in that range
        conditioned = isinstance(c, GenderANConfig) and c.condition_critic
        terms = wgan.critic_terms(
            self.critic,
            image,
            made.detach(),
            source,
            generator,
            views=c.views,
            span=span,
            target=target if conditioned else None,
        )
        loss = terms["D_adv"] + c.lambda_gp * terms["D_gp"] + weights.critic * terms["D_att"]
        if rebuilt is not None:
            terms |= wgan.generator_terms(
                self.critic, made, target, generator, views=c.views, conditioned=conditioned
            )
            terms["G_rec"] = span * (image - rebuilt).abs().mean()
            terms["G_fm"] = wgan.matcher_term(self.matcher, image, made, c.match_share)
            loss = loss + terms["G_adv"] + weights.attributes * terms["G_att"]
            loss = loss + weights.reconstruction * terms["G_rec"]
            loss = loss + weights.matcher * terms["G_fm"]
            if self.guides:
                wanted = target[:, self.male]
                terms["G_guide"] = ask_one(self.guides, made, wanted, generator)
                loss = loss + c.lambda_guides * terms["G_guide"]
        return loss, {k: float(v.detach()) for k, v in terms.items()}


Objective = Callable[[Team, int, Tensor, Tensor, torch.Generator], tuple[Tensor, dict[str, float]]]
"""(team, step, faces, labels, generator) -> the loss to minimise, and its terms."""


def gather(
    config: Config,
    editor: Editor,
    critic: nn.Module,
    male: int,
    models: Path,
    runs: Path,
    device: str,
) -> Team:
    """Load the frozen networks of a recipe, and move all to the device."""
    matcher = load_matcher(models / config.matcher, config.frame, config.matcher_range).to(device)
    guides = [load_guide(runs / name, device) for name in config.guides]
    editor, critic = channels_last(editor, device), channels_last(critic, device)
    return Team(config, editor, critic, matcher, guides, male)


def train_editor(
    team: Team,
    objective: Objective,
    faces: LabelledFaces,
    edits: Edits,
    flip: Conditions,
    data: Path,
    output: Path,
    device: str,
    start: str = "",
) -> dict[str, float]:
    """Run a recipe.

    Args:
        team: its networks.
        objective: its loss.
        faces: its training set.
        edits: the rows of its sheets.
        flip: the conditions that flip the gender, for the held-out classifier.
        data: folder of the packs.
        output: folder of the run; other runs are its siblings.
        device: ``cpu`` or ``cuda``.
        start: run whose networks this one starts from.

    Returns:
        Mean of the last training terms.
    """
    config, editor = team.config, team.editor
    modules: dict[str, nn.Module] = {"editor": editor, "critic": team.critic}
    if start and not (output / "checkpoint.safetensors").is_file():
        checkpoint.load(output.parent / start / "checkpoint.safetensors", modules)
    held_out = None
    if config.held_out:
        run, pack = output.parent / config.held_out, data / config.validation
        held_out = HeldOut(run, pack, config.frame, flip, output, device)

    def step(number: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        image, source = faces.draw(config.batch, config.frame, generator, device)
        return objective(team, number, image, source, generator)

    def look(number: int) -> None:
        image, source = faces.shown(config.frame, device)
        write_sheet(editor, image, edits(source), output, number)
        if held_out is not None:
            held_out(number, editor)

    parameters = [p for m in modules.values() for p in m.parameters()]
    first, second = config.betas
    return loop.run(
        step,
        modules,
        Adam(parameters, lr=config.peak, betas=(first, second)),
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        epoch=config.sheet_every or math.ceil(len(faces.images) / config.batch),
        on_epoch=look,
        schedule=loop.SCHEDULES[config.schedule],
    )


_HIDES = {"Male": "gender", "Young": "age", "Age_Under_30": "age", "White": "race"}
"""What one hides by changing a group, by its first label."""


def ship_editor(
    config: Config, editor: Editor, groups: Sequence[str], run: Path, target: Path
) -> Card:
    """Export a generator: of the step that was chosen, else of the last.

    Args:
        config: the recipe.
        editor: its untrained network.
        groups: its attributes, or alternatives joined by ``|``.
        run: the run's folder.
        target: the ONNX file.

    Returns:
        What the cards of both systems have.
    """
    chosen = run / BEST if config.ship == "best" else run / "checkpoint.safetensors"
    if not chosen.is_file():  # nobody was asked to choose
        chosen = run / "checkpoint.safetensors"
    checkpoint.load(chosen, {"editor": editor})
    labels = len(names_of(groups))
    example = {
        "image": torch.rand(2, 3, config.frame, config.frame),
        "wanted": torch.rand(2, labels),
        "kept": torch.rand(2, labels),
    }
    export_onnx(editor, example, "output", target, half=True)
    first = [g.split("|")[0] for g in groups]
    return {
        "kind": "editor",
        "frame_px": config.frame,
        "groups": list(groups),
        "hides": {_HIDES[name]: k for k, name in enumerate(first) if name in _HIDES},
        "estimator": config.labels.replace("-", "_"),
        "smoothing_px": config.smoothing,
        "gain": config.gain,
        "safetensors_sha256": write_safetensors(editor.half().state_dict(), target),
        "parameters": sum(p.numel() for p in editor.parameters()),
    }
