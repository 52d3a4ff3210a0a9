"""Gender prototypes and the network that carries them: the form of SAN that is trained and shipped.

SAN 2.2.2: the prototypes are the mean faces of the training set's men and women; the neutral one
is their mean weighted by the classes' shares. The authors' code warps them to each face; here an
affine map per face does, inside the graph, so that one ONNX file holds all that is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.errors import OptionError
from faceveil.systems.san.network import SAN
from faceveil.types import Float32Array, Uint8Array


def mean_faces(blocks: Iterable[tuple[Uint8Array, Float32Array]]) -> tuple[Tensor, float]:
    """The female and the male mean face, by a running sum: no two blocks are in memory at once.

    Args:
        blocks: (B, S, S, 3) uint8 RGB faces and (B,) labels, 1 male, some at a time.

    Returns:
        (2, 3, S, S) float32 in [0, 1], and the share of men.

    Raises:
        OptionError: if there is no face of one gender.
    """
    sums: list[Any] = [0, 0]
    counts = [0, 0]
    for images, male in blocks:
        for side in (0, 1):
            mine = images[male == side]
            sums[side] = sums[side] + mine.sum(axis=0, dtype=np.uint64)
            counts[side] += len(mine)
    if not all(counts):
        raise OptionError(f"data: {counts[1]} men and {counts[0]} women; expected some of both")
    means = [s.astype(np.float64) / n for s, n in zip(sums, counts, strict=True)]
    faces = torch.from_numpy(np.stack(means)).permute(0, 3, 1, 2).float() / 255
    return faces, counts[1] / sum(counts)


class PrototypeSAN(nn.Module):
    """A SAN with its prototypes: grey faces, who they show, and what they should read as.

    Args:
        san: the autoencoder.
        prototypes: (2, 3, S, S) female and male mean face in [0, 1].
        smoothing: sigma of the Gaussian that smooths the change from input to output, in pixels of
            S; 0 leaves the output as it is, with the 2x2 blocks of nearest-neighbour upsampling.
        anchor: the autoencoder before semi-adversarial training, or None. What it fails to
            reproduce of a face is then no part of the change: the change is the SAN's output less
            the anchor's same-gender output, not less the face. Ours; the papers have no anchor, and
            their change holds the loss of detail in the bottleneck too.
    """

    prototypes: Tensor
    grid: Tensor
    kernel: Tensor

    def __init__(
        self, san: SAN, prototypes: Tensor, smoothing: float = 0.0, anchor: SAN | None = None
    ) -> None:
        super().__init__()
        self.san = san
        self.anchor = None if anchor is None else anchor.requires_grad_(False)
        self.smoothing = smoothing
        if smoothing > 0:
            offsets = torch.arange(-(reach := max(1, round(3 * smoothing))), reach + 1)
            taps = torch.exp(-0.5 * (offsets / smoothing) ** 2)
            self.register_buffer("kernel", (taps / taps.sum()).view(1, 1, 1, -1), persistent=False)
        self.register_buffer("prototypes", prototypes)
        side = prototypes.shape[-1]
        centre = (torch.arange(side) + 0.5) * 2 / side - 1
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        grid = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(1, side * side, 3)
        self.register_buffer("grid", grid, persistent=False)

    def prototype(self, male: Tensor, theta: Tensor) -> Tensor:
        """Prototypes mixed and warped.

        Args:
            male: (N,) share of the male prototype: 1 male, 0 female, between for neutral.
            theta: (N, 2, 3) from output to prototype, in coordinates from -1 to 1.

        Returns:
            (N, 3, S, S) in [0, 1].
        """
        female_face, male_face = self.prototypes[0:1], self.prototypes[1:2]
        mixed = female_face + male.view(-1, 1, 1, 1) * (male_face - female_face)
        side = self.prototypes.shape[-1]
        grid = (self.grid @ theta.transpose(1, 2)).reshape(-1, side, side, 2)
        return F.grid_sample(mixed, grid, padding_mode="border", align_corners=False)

    def forward(self, image: Tensor, male: Tensor, target: Tensor, theta: Tensor) -> Tensor:
        """Protect a batch.

        Args:
            image: (N, 1, S, S) grey in [0, 1].
            male: (N,) 1 where the person is male, 0 where female.
            target: (N,) share of the male prototype in the target.
            theta: (N, 2, 3) prototype warp; identity for faces exactly on the template.

        Returns:
            (N, 1, S, S) in (0, 1).
        """
        same, wanted = self.prototype(male, theta), self.prototype(target, theta)
        return self.changed(image, self.san(image, same, wanted), self.reference(image, same))

    def reference(self, image: Tensor, same: Tensor) -> Tensor:
        """What the change counts from: (N, 1, S, S), the face, or the anchor's version of it."""
        if self.anchor is None:
            return image
        with torch.no_grad():
            reference: Tensor = self.anchor(image, same, same)
        return reference

    def changed(self, image: Tensor, output: Tensor, reference: Tensor) -> Tensor:
        """Image + Gaussian(output - reference) in [0, 1]; the output where there is neither."""
        if self.smoothing == 0:
            if self.anchor is None:
                return output
            return (image + output - reference).clamp(0, 1)
        reach = self.kernel.shape[-1] // 2
        kernel = self.kernel.to(output.dtype)
        change = F.pad(output - reference, (reach, reach, reach, reach), mode="replicate")
        change = F.conv2d(F.conv2d(change, kernel), kernel.transpose(2, 3))
        return (image + change).clamp(0, 1)
