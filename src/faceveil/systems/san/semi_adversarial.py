"""The semi-adversarial objective: SAN eq. (1) with the terms and weights of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.systems.san.config import SANConfig
from faceveil.systems.san.losses import dissimilarity, gender_loss, matching_loss
from faceveil.systems.san.prototypes import PrototypeSAN
from faceveil.training.augment import random_view


class Batch(NamedTuple):
    """A batch of faces.

    Attributes:
        image: (N, 1, S, S) what the network gets, in [0, 1].
        original: (N, 1, S, S) the faces before any earlier stage; the same as ``image`` for SAN.
        male: (N,) labels.
        theta: (N, 2, 3) prototype warps.
    """

    image: Tensor
    original: Tensor
    male: Tensor
    theta: Tensor


class SemiAdversarial:
    """lambda_D J_D + lambda_G J_G + lambda_M J_M of one batch.

    Args:
        config: weights and variants.
        model: the trained network.
        classifiers: frozen gender classifiers with their frames; each step asks one at random.
        matcher: frozen; grey faces (N, 1, S, S) in [0, 1] -> descriptors (N, D).
    """

    def __init__(
        self,
        config: SANConfig,
        model: PrototypeSAN,
        classifiers: Sequence[tuple[nn.Module, int]],
        matcher: nn.Module,
    ) -> None:
        self.config, self.model = config, model
        self.classifiers, self.matcher = classifiers, matcher

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, matching: bool = True
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss to minimise, and its terms for the log; without ``matching`` J_M is 0."""
        c = self.config
        male = batch.male
        with torch.autocast(male.device.type, torch.bfloat16):
            proto_same = self.model.prototype(male, batch.theta)
            proto_opposite = self.model.prototype(1 - male, batch.theta)
            features = self.model.san.features(batch.image, proto_same)
            outputs = [self.model.san.combine(features, p) for p in (proto_same, proto_opposite)]
            reference = self.model.reference(batch.image, proto_same).float()
        same, opposite = (self.model.changed(batch.image, o.float(), reference) for o in outputs)
        j_g, fooled = self._gender(same, opposite, male, generator)
        j_m = j_g.new_zeros(())
        if matching:
            j_m = self._matching(batch.original, same, opposite, generator)
        loss = c.lambda_g * j_g + c.lambda_m * j_m
        terms = {"J_G": j_g, "J_M": j_m, "fooled": fooled}
        if c.dissimilarity_to != "none":
            wanted = batch.original if c.dissimilarity_to == "original" else batch.image
            terms["J_D"] = dissimilarity(same, wanted, c.dissimilarity)
            terms["J_D_op"] = dissimilarity(opposite, wanted, c.dissimilarity)
            loss = loss + c.lambda_d * terms["J_D"] + c.lambda_d_opposite * terms["J_D_op"]
        return loss, {k: float(v.detach()) for k, v in terms.items()}

    def _gender(
        self, same: Tensor, opposite: Tensor, male: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """J_G, and the share of opposite outputs that the classifier takes for their target."""
        which = int(torch.randint(len(self.classifiers), (1,), generator=generator))
        network, frame = self.classifiers[which]
        kept = round(self.config.same_share * len(same))
        image = torch.cat([opposite, same[:kept]])
        if self.config.views:
            image = random_view(image, generator, size=frame)
        elif image.shape[-1] != frame:
            image = F.interpolate(image, (frame, frame), mode="bilinear", antialias=True)
        with torch.autocast(male.device.type, torch.bfloat16):
            logits = network(image.contiguous(memory_format=torch.channels_last))
        on_opposite, on_same = logits[: len(opposite)], logits[len(opposite) :]
        fooled = ((on_opposite > 0) != (male > 0.5)).float().mean()
        wanted = male.flip(0) if self.config.opposite_label == "reversed_batch" else 1 - male
        return gender_loss(on_same, on_opposite, male, wanted), fooled

    def _matching(
        self, original: Tensor, same: Tensor, opposite: Tensor, generator: torch.Generator
    ) -> Tensor:
        """J_M on the last ``match_share`` of the batch."""
        on = self.config.match_on
        kept = max(1, round(self.config.match_share * len(original)))
        chosen = {"sm": (same,), "op": (opposite,), "mean": (same, opposite)}[on]
        groups = [original[-kept:], *(x[-kept:] for x in chosen)]
        if self.config.match_views:  # the same view for a face and its outputs
            stacked = random_view(
                torch.cat(groups, dim=1),
                generator,
                degrees=5,
                scale=self.config.match_scale,
                shift=0.03,
                blur=self.config.match_blur,
                tone=0.1,
            )
            groups = list(stacked.chunk(len(groups), dim=1))
        with torch.no_grad():
            wanted = self.matcher(groups[0])
        found = self.matcher(torch.cat(groups[1:])).chunk(len(groups) - 1)
        pair = (found[0], found[-1])
        return matching_loss(
            wanted,
            None if on == "op" else pair[0],
            None if on == "sm" else pair[1],
            on,
            unit=self.config.match_unit,
            reduction=self.config.match_reduction,
        )
