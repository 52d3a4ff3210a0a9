"""VGG-Face (Parkhi 2015): SAN's auxiliary matcher, for users who have its public weights.

Sixteen layers: thirteen 3x3 convolutions in five blocks with max-pooling, and three fully connected
ones, to 2622 scores that SAN and PrivacyNet take as a descriptor. SAN works on grey faces, so for
those the first layer's three filters are summed. With zero padding the subtracted mean is no
constant at the border; a map computed from the mean colour corrects for it, and a grey face then
gets just what the RGB network gives for that face in three equal channels.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.errors import ModelError
from faceveil.training.networks.state_file import read_state

MEAN = (129.1863, 104.7624, 93.5940)
"""Mean RGB colour of the training set, 0 to 255; the network's input is pixel minus mean."""

_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGGFace(nn.Module):
    """Descriptors of grey or RGB faces.

    Args:
        widths: maps of the convolutions by block; the published network's by default.
        hidden: width of the first two fully connected layers.
        outputs: length of the descriptor.
        side: side of the input in pixels, a multiple of 32.
    """

    correction: Tensor

    def __init__(
        self,
        widths: tuple[tuple[int, ...], ...] = _BLOCKS,
        hidden: int = 4096,
        outputs: int = 2622,
        side: int = 224,
    ) -> None:
        super().__init__()
        self.side = side
        self.names: list[list[str]] = []
        before = 3
        for i, block in enumerate(widths, 1):
            self.names.append([f"conv{i}_{j}" for j in range(1, len(block) + 1)])
            for name, width in zip(self.names[-1], block, strict=True):
                self.add_module(name, nn.Conv2d(before, width, 3, padding=1))
                before = width
        self.fc6 = nn.Linear(before * (side >> len(widths)) ** 2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, outputs)
        self.register_buffer("correction", torch.zeros(1, widths[0][0], side, side))

    def forward(self, image: Tensor) -> Tensor:
        """(N, 1 or 3, side, side) grey or RGB in [0, 1] -> (N, outputs)."""
        x = 255 * image
        for i, block in enumerate(self.names):
            for j, name in enumerate(block):
                layer = self.get_submodule(name)
                if i == j == 0 and isinstance(layer, nn.Conv2d):
                    weight = layer.weight
                    if image.shape[1] == 1:
                        weight = weight.sum(dim=1, keepdim=True)
                    x = F.conv2d(x, weight, layer.bias, padding=1) - self.correction
                else:
                    x = layer(x)
                x = F.relu(x)
            x = F.max_pool2d(x, 2)
        x = F.relu(self.fc6(x.flatten(1)))
        out: Tensor = self.fc8(F.relu(self.fc7(x)))
        return out

    def load_rgb(self, state: dict[str, Tensor]) -> None:
        """Take the weights of the RGB network.

        Args:
            state: tensors named ``conv1_1.weight`` to ``fc8.bias``, convolutions (D, C, 3, 3).

        Raises:
            ModelError: if a tensor is missing or has another shape.
        """
        own = {k: v for k, v in self.state_dict().items() if k != "correction"}
        first = state.get("conv1_1.weight")
        if first is None or first.shape[1:] != (3, 3, 3):
            shape = "nothing" if first is None else tuple(first.shape)
            raise ModelError(f"conv1_1.weight: got {shape}; expected (D, 3, 3, 3) of VGG-Face")
        bad = next((k for k, v in own.items() if k not in state or state[k].shape != v.shape), None)
        if bad is not None:
            raise ModelError(f"{bad}: missing or of another shape; expected VGG-Face's weights")
        mean = torch.tensor(MEAN).view(1, 3, 1, 1).expand(1, 3, self.side, self.side)
        correction = F.conv2d(mean, first.float(), padding=1)
        self.load_state_dict({**{k: state[k] for k in own}, "correction": correction})


def load_vgg_face(path: Path) -> VGGFace:
    """VGG-Face from a file that a user has; nothing is fetched.

    Args:
        path: ``.safetensors``, or a PyTorch state dict (``.pth``; read without unpickling
            objects), with the layer names of the public PyTorch conversion (``vgg_face_dag``);
            docs/san.md says where it is found.

    Raises:
        ModelError: if the file is missing, of another format, or does not fit.
    """
    state = read_state(path, "VGG-Face")
    network = VGGFace()
    network.load_rgb(state)
    return network
