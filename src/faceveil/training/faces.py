"""Faces of a pack as batches, and a network asked about all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.packs import take


def batches(count: int, size: int = 128) -> Iterator[Tensor]:
    """The indices 0 to ``count`` - 1, ``size`` at a time, in order."""
    for start in range(0, count, size):
        yield torch.arange(start, min(start + size, count))


def as_batch(
    images: np.ndarray,
    indices: Tensor,
    side: int | None = None,
    interpolation: Literal["bilinear", "bicubic"] = "bilinear",
) -> Tensor:
    """Images by index: (N, S, S[, 3]) uint8 -> (B, C, side, side) float32 in [0, 1]."""
    chosen = torch.from_numpy(take(images, indices.numpy()))
    chosen = chosen[:, None] if chosen.dim() == 3 else chosen.permute(0, 3, 1, 2)
    batch = chosen.float() / 255
    if side is None or side == batch.shape[-1]:
        return batch
    size = (side, side)
    if interpolation == "bilinear":
        return F.interpolate(batch, size, mode="bilinear", antialias=True)
    return F.interpolate(batch, size, mode="bicubic", antialias=True).clamp(0, 1)


def outputs_of(
    network: nn.Module,
    images: np.ndarray,
    frame: int,
    device: str = "cpu",
    rows: NDArray[np.int64] | None = None,
) -> Tensor:
    """What a network says of all faces, or of some rows.

    Args:
        network: faces (B, C, frame, frame) in [0, 1] -> (B, ...); put into evaluation mode.
        images: (N, S, S[, 3]) uint8.
        frame: side in pixels that they are brought to.
        device: where the network is.
        rows: (K,) which of them.

    Returns:
        (N or K, ...) float32 on the CPU.
    """
    wanted = torch.arange(len(images)) if rows is None else torch.from_numpy(rows)
    network.eval()
    with torch.no_grad():
        parts = [
            network(as_batch(images, wanted[some], frame).to(device)).float().cpu()
            for some in batches(len(wanted))
        ]
    return torch.cat(parts)


def luma(faces: Tensor) -> Tensor:
    """BT.601 luma: (N, 3, S, S) -> (N, 1, S, S)."""
    weights = faces.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (faces * weights).sum(dim=1, keepdim=True)
