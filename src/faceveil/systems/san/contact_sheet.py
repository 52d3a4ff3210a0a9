"""A picture of what a SAN does at this point of its training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceveil.imaging.encode import write_atomic
from faceveil.systems.san.prototypes import PrototypeSAN
from faceveil.types import Float32Array, Uint8Array


def contact_sheet(
    model: PrototypeSAN, image: Tensor, male: Float32Array, male_share: float
) -> Uint8Array:
    """Faces in columns; rows: the face, then its SM, NT and OP output.

    Args:
        model: the network; its mode is left as it is.
        image: (N, 1, S, S) grey in [0, 1].
        male: (N,) labels.
        male_share: share of the male prototype in the neutral one.

    Returns:
        (4 S, N S) uint8.
    """
    y = torch.from_numpy(male).to(image.device)
    theta = torch.eye(2, 3, device=image.device).repeat(len(image), 1, 1)
    targets = (y, torch.full_like(y, male_share), 1 - y)
    with torch.no_grad():
        rows = [image, *(model(image, y, target, theta) for target in targets)]
    strips = [torch.cat(list(row[:, 0].float().cpu()), dim=1) for row in rows]
    pixels = torch.cat(strips, dim=0).clamp(0, 1).numpy()
    return np.asarray(np.rint(pixels * 255), np.uint8)


def write_png(picture: Uint8Array, path: Path) -> None:
    """Write a grey (H, W) or RGB (H, W, 3) picture, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".png", picture if picture.ndim == 2 else picture[..., ::-1])
    if not done:
        raise RuntimeError(f"{path}: OpenCV could not encode a picture of shape {picture.shape}")
    write_atomic(data.tobytes(), path, overwrite=True)
