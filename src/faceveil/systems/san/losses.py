"""The loss terms of the SAN family as pure functions, each named by its equation.

SAN: ICB 2018, equations (2) to (5). FlowSAN: equations (2) to (6).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Dissimilarity = Literal["bce_sum", "bce_mean", "l1", "marino2019"]
MatchOn = Literal["sm", "op", "mean"]


def dissimilarity(output: Tensor, image: Tensor, kind: Dissimilarity) -> Tensor:
    """J_D, SAN eq. (2): how far the output is from the image.

    Args:
        output: (N, 1, H, W) in (0, 1).
        image: (N, 1, H, W) in [0, 1].
        kind: ``bce_sum`` pixel cross-entropy summed over pixels (the paper), ``bce_mean`` its mean
            (FlowSAN), ``l1`` mean absolute error (the authors' code). ``marino2019`` is the
            pre-training loss of the Keras re-implementation, -sum t log(o) without the
            (1 - t) log(1 - o) half: an all-white picture is its optimum. A documented negative
            result, not for use.

    Returns:
        Scalar, the mean over the batch.
    """
    if kind == "l1":
        return (output - image).abs().mean()
    if kind == "marino2019":
        per_face = -(image.float() * output.float().clamp(1e-7, 1).log()).flatten(1).sum(dim=1)
        return per_face.mean()
    loss = F.binary_cross_entropy(output.float().clamp(1e-7, 1 - 1e-7), image.float())
    return loss * image[0].numel() if kind == "bce_sum" else loss


def gender_loss(
    logit_same: Tensor, logit_opposite: Tensor, male: Tensor, wanted: Tensor | None = None
) -> Tensor:
    """J_G, SAN eq. (3): S(y, f_G(X'_SM)) + S(1 - y, f_G(X'_OP)).

    Args:
        logit_same: (K,) logits of P(male) of the same-gender outputs of the first K faces; K may
            be less than N, even 0, to save time.
        logit_opposite: (N,) logits of the opposite-gender outputs.
        male: (N,) true labels, 1 male.
        wanted: (N,) what the opposite outputs are to read as; 1 - male where None.

    Returns:
        Scalar, each term a mean over its faces.
    """
    target = 1 - male if wanted is None else wanted
    opposite = F.binary_cross_entropy_with_logits(logit_opposite.float(), target)
    if len(logit_same) == 0:
        return opposite
    same = F.binary_cross_entropy_with_logits(logit_same.float(), male[: len(logit_same)])
    return same + opposite


def matching_loss(
    image: Tensor,
    same: Tensor | None,
    opposite: Tensor | None,
    match_on: MatchOn,
    *,
    unit: bool = True,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """J_M, SAN eq. (4): squared distance of descriptors, ||R(X') - R(X)||^2.

    The paper takes X' = SM, FlowSAN takes OP, the authors' code the mean of both descriptors.

    Args:
        image: (N, D) descriptors of the original.
        same: (N, D) descriptors of the same-gender output, or None where not needed.
        opposite: (N, D) descriptors of the opposite-gender output, or None where not needed.
        match_on: which of the three.
        unit: bring descriptors to unit length first, as the authors' code does; the Keras
            re-implementation takes them as they are.
        reduction: over the batch. The authors' code takes the sum over its batch of 8.

    Returns:
        Scalar; the mean of unit descriptors lies in [0, 4].
    """
    chosen = {"sm": (same,), "op": (opposite,), "mean": (same, opposite)}[match_on]
    given = [d.float() for d in (image, *chosen) if d is not None]
    if len(given) != len(chosen) + 1:
        raise ValueError(f"match_on={match_on!r} needs the descriptors that were passed as None")
    wanted, *found = [F.normalize(d, dim=1) for d in given] if unit else given
    distance = (torch.stack(found).mean(dim=0) - wanted).square().sum(dim=1)
    return distance.mean() if reduction == "mean" else distance.sum()
