"""A gender classifier that also answers how its logit depends on each pixel.

The backward pass is written out as forward operations, so that ONNX Runtime, which has no
automatic differentiation, can run it: adversarial noise then needs no torch.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.errors import OptionError
from faceveil.training import gender
from faceveil.training.classifiers import GenderConfig
from faceveil.training.export import export_onnx, measured_in
from faceveil.training.networks.gender_cnn import GenderCNN
from faceveil.training.recipes import Card, Config

SLOPE = 0.01
"""Of the leaky ReLUs of :class:`GenderCNN` below zero."""


class LogitAndGradient(nn.Module):
    """The logit f(x) of a :class:`GenderCNN` in evaluation mode, and df/dx, by the chain rule.

    Each block is a convolution W with its batch normalisation folded in, pooling P and leaky ReLU
    a. They are run as a(P(W x)): a is increasing, so pooling before it gives the same values and a
    quarter of the work. With g the gradient of a block's output, that of its input is
    W^T P^T (a' g): the transposed convolution with the same weights, of g put back at each
    maximum's place.

    Args:
        network: the classifier; its weights are copied, its dropout is left out.

    Raises:
        ValueError: if the network is another one, whose blocks differ.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        if not isinstance(network, GenderCNN):
            raise ValueError(f"got a {type(network).__name__}; expected a GenderCNN")
        kernels, biases = [], []
        for module in network.convolutions:
            if isinstance(module, nn.Conv2d):
                bias = torch.zeros(len(module.weight)) if module.bias is None else module.bias
                kernels.append(module.weight)
                biases.append(bias)
            elif isinstance(module, nn.BatchNorm2d):
                kernels[-1], biases[-1] = _folded(kernels[-1], biases[-1], module)
        self.kernels = nn.ParameterList(map(_frozen, kernels))
        self.biases = nn.ParameterList(map(_frozen, biases))
        self.hidden = _frozen(network.hidden.weight)
        self.hidden_bias = _frozen(network.hidden.bias)
        self.output = _frozen(network.output.weight)
        self.output_bias = _frozen(network.output.bias)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and gradients.

        Args:
            image: (N, C, frame, frame) in [0, 1].

        Returns:
            f(x): (N,) logits of P(male); df/dx: (N, C, frame, frame).
        """
        x = 2 * image - 1
        blocks = []
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            maps = F.conv2d(x, kernel, bias, padding=1)
            rows, left = _pooled(maps, -1)
            x, top = _pooled(rows, -2)
            blocks.append((kernel, maps.shape, left, top, x > 0))
            x = F.leaky_relu(x, SLOPE)
        shape = x.shape
        hidden = F.linear(x.flatten(1), self.hidden, self.hidden_bias)
        logit = F.linear(F.leaky_relu(hidden, SLOPE), self.output, self.output_bias)
        gradient = (_through(self.output, hidden > 0) @ self.hidden).reshape(shape)
        for kernel, before, left, top, positive in reversed(blocks):
            gradient = _through(gradient, positive)
            gradient = _put_back(gradient, top, -2)[..., : before[2], :]
            gradient = _put_back(gradient, left, -1)[..., : before[3]]
            gradient = F.conv_transpose2d(gradient, kernel, padding=1)
        return logit[:, 0], 2 * gradient


def ship(config: Config, run: Path, target: Path, _: Path) -> Card:
    """Export a gender classifier's logit and its gradient; see :mod:`faceveil.training.recipes`.

    Raises:
        OptionError: if the run is of another network.
    """
    if not (isinstance(config, GenderConfig) and config.network == "paper"):
        raise OptionError(
            f"{config.name}: has no gradient; expected a gender recipe of SAN's network"
        )
    channels = 1 if config.grey else 3
    example = {"image": torch.rand(2, channels, config.frame, config.frame)}
    network = LogitAndGradient(gender.trained(config, run))
    export_onnx(network, example, ("logit", "gradient"), target, half=True)
    return {
        "kind": "gradient",
        "title": "Gender classifier, logit of P(male) and its gradient",
        "frame_px": config.frame,
        "input": {"channels": "gray" if config.grey else "rgb", "scale": "0 to 1"},
        "measured": {config.validation: measured_in(run)},
    }


def _frozen(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach().clone(), requires_grad=False)


def _folded(kernel: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A convolution with the batch normalisation that follows it, as at evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return kernel * factor.view(-1, 1, 1, 1), (bias - norm.running_mean) * factor + norm.bias


def _pooled(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The larger of each two neighbours, and whether it is the first (both equal: the first).

    An odd last one stands alone. Pairs along rows, then along columns, make 2x2 max-pooling with
    ``ceil_mode``, and of equal values the same one wins as in torch.
    """
    if x.shape[dim] % 2:
        x = F.pad(x, (0, 1) if dim == -1 else (0, 0, 0, 1), value=-torch.inf)
    first, second = torch.unflatten(x, dim, (-1, 2)).unbind(dim)
    return torch.maximum(first, second), first >= second


def _put_back(gradient: Tensor, first: Tensor, dim: int) -> Tensor:
    """The adjoint of :func:`_pooled`: each value at its winner's place, zero at the other's."""
    zero = torch.zeros_like(gradient)
    pair = (torch.where(first, gradient, zero), torch.where(first, zero, gradient))
    stacked = torch.stack(pair, dim)
    return stacked.flatten(dim - 1, dim)


def _through(gradient: Tensor, positive: Tensor) -> Tensor:
    """Back through a leaky ReLU: times 1 where its input was positive, else times its slope."""
    return torch.where(positive, gradient, SLOPE * gradient)
