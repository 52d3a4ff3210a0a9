"""Weights that a user has: safetensors, or a PyTorch state dict read without unpickling objects."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from faceveil.errors import ModelError


def read_state(path: Path, what: str) -> dict[str, Tensor]:
    """Tensors by name; nothing is fetched.

    Args:
        path: ``.safetensors``, or a state dict (``.pth``).
        what: whose weights are expected, for the error.

    Raises:
        ModelError: if the file is missing or of another format.
    """
    if not path.is_file():
        raise ModelError(
            f"{path}: no such file; expected {what}'s weights; its makers' terms allow research "
            "use, FaceVeil does not carry them; or name an ONNX matcher"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling, zip and safetensors raise unrelated classes
        raise ModelError(
            f"{path}: cannot be read ({str(error).splitlines()[0]}); expected safetensors or a "
            "PyTorch state dict"
        ) from error
    return state
