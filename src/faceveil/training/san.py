"""Recipe: pre-train a SAN on reconstruction, then train it semi-adversarially.

SAN 2.3: the autoencoder learns to reproduce its input (J_D), then to fool auxiliary gender
classifiers (J_G) while an auxiliary matcher still sees the same face (J_M). Both are frozen.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from faceveil.data.packs import load_packs
from faceveil.errors import ModelError
from faceveil.networks.layout import channels_last
from faceveil.networks.prototypes import PrototypeSAN, mean_faces
from faceveil.networks.san import SAN
from faceveil.training import checkpoint, gender, loop
from faceveil.training.augment import random_view
from faceveil.training.config import GenderConfig, SANConfig, load_config
from faceveil.training.losses import dissimilarity, gender_loss, matching_loss
from faceveil.training.matchers import ArcFaceMatcher


def build(config: SANConfig, prototypes: Tensor) -> PrototypeSAN:
    """The untrained network of a recipe; ``prototypes`` is (2, 3, frame, frame) in [0, 1]."""
    return PrototypeSAN(SAN(config.combiner_kernel), prototypes)


def load_classifier(run: Path) -> tuple[nn.Module, int]:
    """A trained, frozen gender classifier from its run folder, and its frame in pixels."""
    recipe = run / "recipe.toml"
    config = load_config(recipe)
    if not isinstance(config, GenderConfig):
        raise ModelError(f"{recipe}: kind is {config.kind!r}; expected a gender classifier")
    network = gender.build(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    return network.eval().requires_grad_(False), config.frame


def random_theta(count: int, share: float, generator: torch.Generator) -> Tensor:
    """Prototype warps like those that landmarks give: (N, 2, 3), identity for the rest.

    The packs have no landmarks, so a share of each batch gets small random affine maps of the
    size that five detected landmarks show around the template.
    """
    theta = torch.eye(2, 3).expand(count, 2, 3)
    noise = torch.randn(count, 2, 3, generator=generator) * 0.04
    chosen = torch.rand(count, 1, 1, generator=generator) < share
    return theta + torch.where(chosen, noise, torch.zeros(()))


def train(
    config: SANConfig, data: Path, models: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Run the recipe.

    Args:
        config: the recipe.
        data: folder of the packs.
        models: folder of the auxiliary matcher.
        output: folder for checkpoints and logs; the classifiers' run folders are its siblings.
        device: ``cpu`` or ``cuda``.

    Returns:
        Mean of the last training terms, for the record; judges measure elsewhere.
    """
    torch.manual_seed(config.seed)
    paths = [data / name for name in config.data]
    colour = load_packs(paths)
    prototypes = mean_faces(colour)
    del colour
    pack = load_packs(paths, grey=True)
    model = build(config, prototypes).to(device)
    classifiers = [load_classifier(output.parent / name) for name in config.classifiers]
    networks = [(channels_last(c, device), f) for c, f in classifiers]
    matcher = ArcFaceMatcher(models / config.matcher, config.frame).to(device)
    labels = torch.from_numpy(pack.male)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.peak, betas=(0.5, 0.99))

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        indices = torch.randint(len(pack), (config.batch,), generator=generator)
        image = gender.as_batch(pack.images, indices)
        theta = random_theta(config.batch, config.landmarks, generator)
        # Image and prototypes are flipped together; the authors' loader forgets the prototypes.
        if float(torch.rand(1, generator=generator)) < 0.5:
            image, theta = image.flip(3), theta * torch.tensor([-1.0, 1.0, 1.0])
        return image.to(device), labels[indices].to(device), theta.to(device)

    def pretrain(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        image, male, theta = draw(generator)
        with torch.autocast(device, torch.bfloat16):
            same = model(image, male, male, theta)
        loss = dissimilarity(same, image, config.pretrain_loss)
        return loss, {"J_D": float(loss.detach())}

    def read(image: Tensor, which: int, generator: torch.Generator) -> Tensor:
        network, frame = networks[which]
        if config.views:
            image = random_view(image.float(), generator, size=frame)
        logits: Tensor = network(image.contiguous(memory_format=torch.channels_last))
        return logits

    def adversarial(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        image, male, theta = draw(generator)
        which = int(torch.randint(len(networks), (1,), generator=generator))
        with torch.autocast(device, torch.bfloat16):
            proto_same = model.prototype(male, theta)
            proto_opposite = model.prototype(1 - male, theta)
            features = model.san.features(image, proto_same)
            same = model.san.combine(features, proto_same)
            opposite = model.san.combine(features, proto_opposite)
            views = read(torch.cat([same, opposite]), which, generator)
            logit_same, logit_opposite = views.chunk(2)
        with torch.no_grad():
            wanted = matcher(image)
        found_same, found_opposite = matcher(torch.cat([same, opposite])).chunk(2)
        j_d = dissimilarity(same, image, config.dissimilarity)
        j_d_opposite = dissimilarity(opposite, image, config.dissimilarity)
        j_g = gender_loss(logit_same, logit_opposite, male)
        j_m = matching_loss(wanted, found_same, found_opposite, config.match_on)
        j_m_opposite = matching_loss(wanted, None, found_opposite, "op")
        loss = config.lambda_g * j_g + config.lambda_m * j_m
        loss = loss + config.lambda_d * j_d + config.lambda_d_opposite * j_d_opposite
        fooled = ((logit_opposite > 0) != (male > 0.5)).float().mean()
        terms = {"J_D": j_d, "J_D_op": j_d_opposite, "J_G": j_g, "J_M": j_m}
        terms |= {"J_M_op": j_m_opposite, "fooled": fooled}
        return loss, {k: float(v.detach()) for k, v in terms.items()}

    modules: dict[str, nn.Module] = {"san": model}
    pre = output / "pretrain"
    loop.run(
        pretrain,
        modules,
        optimizer,
        pre,
        steps=config.pretrain_steps,
        peak=config.pretrain_peak,
        seed=config.seed,
    )
    if not (output / "checkpoint.safetensors").is_file():
        checkpoint.load(pre / "checkpoint.safetensors", modules)
        optimizer = torch.optim.Adam(model.parameters(), lr=config.peak, betas=(0.5, 0.99))
    terms = loop.run(
        adversarial,
        modules,
        optimizer,
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed + 1,
    )
    return terms
