"""Pictures of what a network does at this point of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceveil.imaging.encode import write_atomic
from faceveil.types import Uint8Array


def contact_sheet(rows: Sequence[Tensor]) -> Uint8Array:
    """Rows of pictures, (N, C, S, S) each with the same N, as one: (R S, N S, C) uint8.

    What is beyond [0, 1] is clipped.
    """
    grid = torch.cat([torch.cat(list(row.float().cpu()), dim=2) for row in rows], dim=1)
    return np.asarray(np.rint(grid.clamp(0, 1).permute(1, 2, 0).numpy() * 255), np.uint8)


def write_rows(rows: Sequence[Tensor], output: Path, step: int) -> None:
    """Write rows of faces, (N, 1 or 3, S, S) each, as ``sheets/step-NNNNNNN.png`` of a run.

    Args:
        rows: grey or RGB faces in [0, 1].
        output: the run's folder.
        step: number of the step.
    """
    path = output / "sheets" / f"step-{step:07d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".png", contact_sheet(rows)[..., ::-1])
    if not done:
        raise RuntimeError(f"{path}: OpenCV could not encode the contact sheet")
    write_atomic(data.tobytes(), path, overwrite=True)
