"""Auxiliary matchers: an ONNX face matcher as a frozen, differentiable descriptor of grey faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.errors import ModelError
from faceveil.imaging.geometry import arcface_from_canonical, invert
from faceveil.training.networks.onnx_graph import OnnxGraph
from faceveil.training.networks.se_resnet import MARK, SEResNet
from faceveil.training.networks.state_file import read_state
from faceveil.training.networks.vgg_face import load_vgg_face

ARCFACE_SIDE = 112


def normalised_theta(target_to_source: np.ndarray, source: int, target: int) -> Tensor:
    """A pixel map as a matrix for ``affine_grid``: coordinates from -1 to 1, (1, 2, 3).

    Args:
        target_to_source: (2, 3) map from output pixels to input pixels (pixel centres integer).
        source: side of the input in pixels.
        target: side of the output in pixels.
    """
    to_pixels = np.array([[target / 2, 0, (target - 1) / 2], [0, target / 2, (target - 1) / 2]])
    pixels = target_to_source[:, :2] @ to_pixels
    pixels[:, 2] += target_to_source[:, 2]
    pixels[:, 2] -= (source - 1) / 2
    return torch.from_numpy(pixels * 2 / source).float()[None]


class ArcFaceMatcher(nn.Module):
    """Unnormalised descriptors of canonical crops from a matcher in the 112x112 ArcFace frame.

    Args:
        path: the ONNX file; its input is (N, 3, 112, 112).
        frame: side of the canonical crops that are passed in.
        dtype: bfloat16 for speed, float32 for exactness.
        span: what the matcher takes for black and for white.
        bgr: whether it takes blue first.
    """

    theta: Tensor

    def __init__(
        self,
        path: Path,
        frame: int,
        dtype: torch.dtype = torch.bfloat16,
        span: tuple[float, ...] = (0.0, 255.0),
        *,
        bgr: bool = False,
    ) -> None:
        super().__init__()
        if not path.is_file():
            raise ModelError(f"{path}: no such file; expected an ONNX matcher; check --models")
        self.black, self.white = span
        self.graph = OnnxGraph(path).to(dtype)
        self.graph.requires_grad_(False)
        back = invert(arcface_from_canonical(frame))
        self.register_buffer("theta", normalised_theta(back, frame, ARCFACE_SIDE))
        self.dtype, self.bgr = dtype, bgr

    def forward(self, image: Tensor) -> Tensor:
        """(N, 1 or 3, frame, frame) in [0, 1] -> (N, D) float32."""
        if self.bgr:
            image = image.flip(1)
        n, c, _, _ = image.shape
        theta = self.theta.expand(n, 2, 3)
        grid = F.affine_grid(theta, [n, c, ARCFACE_SIDE, ARCFACE_SIDE], align_corners=False)
        x = F.grid_sample(image.float(), grid, padding_mode="border", align_corners=False)
        x = (
            (x * (self.white - self.black) + self.black)
            .expand(n, 3, ARCFACE_SIDE, ARCFACE_SIDE)
            .to(self.dtype)
        )
        out: Tensor = self.graph(x.contiguous(memory_format=torch.channels_last))
        return out.float()


class VGGFaceMatcher(nn.Module):
    """SAN's and PrivacyNet's own matcher: VGG-Face on the canonical crop at 224 px.

    Args:
        path: its weights; see :func:`faceveil.training.networks.vgg_face.load_vgg_face`.
        dtype: bfloat16 for speed, float32 for exactness.
    """

    def __init__(self, path: Path, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.network = load_vgg_face(path).to(dtype).requires_grad_(False)
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        """(N, 1 or 3, frame, frame) in [0, 1] -> (N, 2622) float32."""
        side = (self.network.side, self.network.side)
        if image.shape[2:] != side:
            image = F.interpolate(image, side, mode="bilinear", antialias=True)
        out: Tensor = self.network(image.to(self.dtype))
        return out.float()


class SEResNetMatcher(nn.Module):
    """Gender-AN's own matcher: SE-ResNet-50 of VGGFace2 on the canonical crop at 224 px.

    Args:
        state: its public weights; see :mod:`faceveil.training.networks.se_resnet`.
        dtype: bfloat16 for speed, float32 for exactness.
    """

    side = 224

    def __init__(self, state: dict[str, Tensor], dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.network = SEResNet()
        self.network.load_public(state)
        self.network.eval().to(dtype).requires_grad_(False)
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        """(N, 1 or 3, frame, frame) in [0, 1] -> (N, 2048) float32."""
        size = (self.side, self.side)
        if image.shape[2:] != size:
            image = F.interpolate(image, size, mode="bilinear", antialias=True)
        out: Tensor = self.network(image.expand(-1, 3, -1, -1).to(self.dtype))
        return out.float()


def load_matcher(
    path: Path, frame: int, span: tuple[float, ...], *, bgr: bool = False
) -> nn.Module:
    """The auxiliary matcher of a recipe.

    Args:
        path: an ONNX matcher in the ArcFace frame, or the weights of VGG-Face or of VGGFace2's
            SE-ResNet-50 (``.safetensors`` or ``.pth``).
        frame: side of the crops in pixels.
        span: what an ONNX matcher takes for black and for white.
        bgr: whether an ONNX matcher takes blue first.

    Raises:
        ModelError: if the file is missing or of another kind.
    """
    if path.suffix == ".onnx":
        return ArcFaceMatcher(path, frame, span=span, bgr=bgr)
    state = read_state(path, "VGG-Face's or SE-ResNet-50")
    return SEResNetMatcher(state) if MARK in state else VGGFaceMatcher(path)
