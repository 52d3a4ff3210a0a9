"""The adversarial terms that Gender-AN and PrivacyNet share, as pure functions.

Gender-AN's equations (1) to (4) are misprinted or missing; these are STGAN's and StarGAN's:
Wasserstein with gradient penalty, and binary cross-entropy of attributes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.training.augment import random_view
from faceveil.training.faces import luma
from faceveil.training.guides import frozen


def critic_loss(real: Tensor, made: Tensor) -> Tensor:
    """-(E D(x) - E D(x_hat)): scores (N,) of real and made faces -> scalar."""
    return made.float().mean() - real.float().mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    made: Tensor,
    generator: torch.Generator,
    span: float = 1.0,
) -> Tensor:
    """E (||grad D(x~)||_2 - 1)^2 with x~ uniform between a real and a made face.

    Args:
        critic: faces (N, 3, S, S) -> scores (N,).
        real: (N, 3, S, S).
        made: (N, 3, S, S), detached.
        generator: draws the place between the two.
        span: width of the values' range in which the slope is taken, where faces come in [0, 1]:
            2 for [-1, 1], in which it is half as steep.
    """
    share = torch.rand(len(real), 1, 1, 1, generator=generator).to(real.device, real.dtype)
    between = (share * real + (1 - share) * made).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).float().sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) / span - 1).square().mean()


def attribute_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross-entropy, summed over attributes, mean over faces: (N, A), (N, A) -> scalar."""
    loss = F.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="sum")
    return loss / len(logits)


def critic_terms(
    critic: nn.Module,
    image: Tensor,
    made: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    *,
    views: bool,
    span: float = 1.0,
    target: Tensor | None = None,
) -> dict[str, Tensor]:
    """What the discriminator minimises: ``D_adv``, ``D_gp`` and ``D_att``.

    Args:
        critic: faces -> (scores (N,), logits (N, A)).
        image: (N, 3, S, S) real faces in [0, 1].
        made: (N, 3, S, S), detached.
        labels: (N, A) of the real faces.
        generator: draws the penalty's place and the views.
        views: the label head sees random views of the faces (ours).
        span: see :func:`gradient_penalty`.
        target: (N, A) labels of the made faces, for a discriminator that gets labels too.
    """
    own, others = ((), ()) if target is None else ((labels,), (target,))
    with torch.autocast(image.device.type, torch.bfloat16):
        real, read = critic(image, *own)
        fake, _ = critic(made, *others)
        if views:
            read = critic(_view(image, generator), *own)[1]
    # In 32 bits: the second derivative of a 16-bit convolution is slow and coarse.
    penalty = gradient_penalty(lambda x: critic(x, *own)[0], image, made, generator, span)
    return {
        "D_adv": critic_loss(real, fake),
        "D_gp": penalty,
        "D_att": attribute_loss(read, labels),
    }


def generator_terms(
    critic: nn.Module,
    made: Tensor,
    target: Tensor,
    generator: torch.Generator,
    *,
    views: bool,
    conditioned: bool = False,
) -> dict[str, Tensor]:
    """What the generator minimises at the frozen discriminator: ``G_adv`` and ``G_att``."""
    network = frozen(critic)
    given = (target,) if conditioned else ()
    with torch.autocast(made.device.type, torch.bfloat16):
        score, read = network(made, *given)
        if views:
            read = network(_view(made, generator), *given)[1]
    return {"G_adv": -score.float().mean(), "G_att": attribute_loss(read, target)}


def matcher_term(matcher: nn.Module, image: Tensor, made: Tensor, share: float) -> Tensor:
    """||FM(x) - FM(x_hat)||^2 of unit descriptors (Gender-AN eq. 6), on a share of the batch."""
    kept = max(1, round(share * len(image)))
    with torch.no_grad():
        wanted = F.normalize(matcher(image[:kept]).float(), dim=1)
    found = F.normalize(matcher(made[:kept]).float(), dim=1)
    return (found - wanted).square().sum(dim=1).mean()


def _view(image: Tensor, generator: torch.Generator) -> Tensor:
    """A random view, half of them grey and the others tinted: a tint alone must not count."""
    n = len(image)
    tint = 1 + 0.3 * (torch.rand(n, 3, 1, 1, generator=generator) - 0.5)
    grey = (torch.rand(n, 1, 1, 1, generator=generator) < 0.5).to(image.device)
    image = torch.where(
        grey, luma(image).expand_as(image), image * tint.to(image.device, image.dtype)
    )
    view = random_view(image, generator, degrees=8, scale=0.1, shift=0.05, tone=0.15)
    # Convolutions of 16 bits run backward several times slower in the other layout.
    return view.contiguous(memory_format=torch.channels_last)
