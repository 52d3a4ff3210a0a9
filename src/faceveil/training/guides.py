"""Frozen gender classifiers that say what a GAN's faces read as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812

from faceveil.inference.card import WEIGHTS, read_card
from faceveil.training import gender
from faceveil.training.augment import random_view
from faceveil.training.classifiers import GenderConfig
from faceveil.training.faces import as_batch, batches, luma
from faceveil.training.networks.layout import channels_last
from faceveil.types import Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """One classifier.

    Attributes:
        network: faces (N, 1 or 3, frame, frame) in [0, 1] -> logits of P(male) (N,).
        config: its recipe: the frame, whether it sees grey, and the views that it was trained on.
    """

    network: Callable[[Tensor], Tensor]
    config: GenderConfig
    scale: float = 1.0  # logits are multiplied by it

    def __call__(self, faces: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits of P(male).

        Args:
            faces: (N, 3, S, S) RGB in [0, 1].
            generator: draws a random view of each face; None for the faces as they are.

        Returns:
            (N,) float32.
        """
        c = self.config
        x = luma(faces) if c.grey else faces
        if generator is None:
            x = F.interpolate(x, (c.frame, c.frame), mode="bilinear", antialias=True)
        else:
            x = random_view(
                x, generator, degrees=c.degrees, scale=c.scale, shift=c.shift, size=c.frame
            )
        with torch.autocast(x.device.type, torch.bfloat16):
            out = self.network(x.contiguous(memory_format=torch.channels_last))
        return self.scale * out.float()


def load_guide(run: Path, device: str) -> Guide:
    """The classifier of a finished run, or one that ships for adversarial noise.

    Args:
        run: the run's folder; or a name with the suffix ``.onnx``, which is looked up among the
            package's weights.
        device: ``cpu`` or ``cuda``.

    Raises:
        ModelError: if the run is of another kind or not finished.
    """
    if run.suffix == ".onnx":
        return _shipped_guide(WEIGHTS / run.name, device)
    network, config = gender.load_classifier(run)
    return Guide(channels_last(network, device), config)


def as_sure_as_before(guide: Guide, images: Uint8Array, level: float) -> Guide:
    """The guide with its logits scaled so that faces as they are read as ``level`` on average.

    A guide trained against attacks is less sure of everything. So scaled, each asks for a face that
    it is as sure of as of an unprotected one.

    Args:
        guide: a classifier.
        images: (N, S, S, 3) uint8; the first 256 are read.
        level: mean of the absolute logits.
    """
    sizes = []
    with torch.no_grad():
        for rows in batches(min(256, len(images)), 64):
            sizes.append(guide(as_batch(images, rows)).abs())
    return replace(guide, scale=level / max(float(torch.cat(sizes).mean()), 1e-3))


def _shipped_guide(path: Path, device: str) -> Guide:
    """The classifier in a file that adversarial noise is made with."""
    card = read_card(path.with_suffix(".json"), "gradient")
    known = {f.name for f in fields(GenderConfig)}
    recipe: dict[str, Any] = {k: v for k, v in card["recipe"].items() if k in known}
    for key, value in recipe.items():
        recipe[key] = tuple(value) if isinstance(value, list) else value
    config = replace(GenderConfig(**recipe), norm=False)
    stored = {
        i.name.removesuffix(".half"): torch.from_numpy(numpy_helper.to_array(i).copy()).float()
        for i in onnx.load(path).graph.initializer
    }
    network = gender.build(config)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    names = {layer: (f"kernels.{k}", f"biases.{k}") for k, layer in enumerate(layers)}
    names |= {getattr(network, n): (n, f"{n}_bias") for n in ("hidden", "output")}
    with torch.no_grad():
        for layer, (weight, bias) in names.items():
            layer.get_parameter("weight").copy_(stored[weight])
            layer.get_parameter("bias").copy_(stored[bias])
    return Guide(channels_last(network.eval().requires_grad_(False), device), config)


def ask_one(
    guides: Sequence[Guide], faces: Tensor, wanted: Tensor, generator: torch.Generator
) -> Tensor:
    """Cross-entropy of one guide, drawn at random, on random views: scalar.

    Args:
        guides: to draw from.
        faces: (N, 3, S, S) RGB in [0, 1].
        wanted: (N,) what they are to read as, 1 male.
        generator: draws the guide and the views.
    """
    which = int(torch.randint(len(guides), (1,), generator=generator))
    return F.binary_cross_entropy_with_logits(guides[which](faces, generator), wanted)


def frozen(network: nn.Module) -> Callable[..., Any]:
    """The network as a function through which gradients reach the input but not its weights.

    So what the input and what the network are to learn can be added up and differentiated at once.
    """
    weights = {k: v.detach() for k, v in network.named_parameters()}

    def call(*x: Tensor) -> Any:
        return functional_call(network, weights, x)

    return call
