"""SE-ResNet-50 (Hu 2018; VGGFace2, Cao 2018): Gender-AN's matcher, for users who have its weights.

Layer names are those of the public PyTorch conversion (``senet50_ft``): ``conv4`` and ``conv5`` of
a block squeeze and excite. Its descriptors are the 2048 means of the last maps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.errors import ModelError

MEAN_BGR = (91.4953, 103.8827, 131.0912)
"""Mean colour of VGGFace2, 0 to 255; the network's input is pixel minus mean, blue first."""

MARK = "layer1.0.conv4.weight"
"""A tensor that these weights have and others do not."""


class _Block(nn.Module):
    """1x1, 3x3, 1x1 convolutions, squeeze and excitation, shortcut; the stride is the first's."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = 4 * width
        self.conv1 = nn.Conv2d(before, width, 1, stride, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.bn3 = nn.BatchNorm2d(after)
        self.conv4 = nn.Conv2d(after, after // 16, 1)
        self.conv5 = nn.Conv2d(after // 16, after, 1)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        gate = self.conv5(F.relu(self.conv4(y.mean(dim=(2, 3), keepdim=True)))).sigmoid()
        return F.relu(gate * y + self.downsample(x))


class SEResNet(nn.Module):
    """Descriptors of RGB faces.

    Args:
        width: maps of the first stage's narrow convolutions, doubled by each stage.
        blocks: blocks of each stage; the published 50-layer network's by default.
    """

    mean: Tensor

    def __init__(self, width: int = 64, blocks: Sequence[int] = (3, 4, 6, 3)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        before = width
        self.stages = [f"layer{i}" for i in range(1, len(blocks) + 1)]
        for i, (name, count) in enumerate(zip(self.stages, blocks, strict=True)):
            layers = []
            for k in range(count):
                stride = 2 if i and k == 0 else 1
                layers.append(_Block(before, width << i, stride))
                before = 4 * (width << i)
            self.add_module(name, nn.Sequential(*layers))
        mean = torch.tensor(MEAN_BGR).view(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) RGB in [0, 1], S = 224 as published -> (N, 32 width)."""
        x = 255 * image.flip(1) - self.mean
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return x.mean(dim=(2, 3))

    def load_public(self, state: dict[str, Tensor]) -> None:
        """Take the public weights; the classifier's last layer is left out.

        Raises:
            ModelError: if a tensor is missing or has another shape.
        """
        own = self.state_dict()
        optional = ".num_batches_tracked"  # older files have none
        for name, value in own.items():
            given = state.get(name)
            if given is None and name.endswith(optional):
                continue
            if given is None or given.shape != value.shape:
                raise ModelError(f"{name}: missing or of another shape; expected SE-ResNet-50's")
        self.load_state_dict({k: state.get(k, v) for k, v in own.items()})
