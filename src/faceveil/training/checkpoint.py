"""Checkpoints without pickle: tensors in safetensors, the step in its metadata, atomic."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from faceveil.errors import ModelError


def save(
    path: Path,
    step: int,
    modules: dict[str, nn.Module],
    optimizer: Optimizer,
    means: Mapping[str, float] | None = None,
) -> None:
    """Write a checkpoint under a temporary name, to the disk, and rename it.

    Args:
        path: the ``.safetensors`` file.
        step: how many steps have been taken.
        modules: networks by name.
        optimizer: the optimiser whose state (moments, step counts) is kept.
        means: running means of what is logged.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}.{k}": v.contiguous() for k, v in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{k}": torch.as_tensor(v).contiguous() for k, v in state.items()
        }
    temporary = path.with_name(f".{path.name}.tmp")
    save_file(
        {k: v.detach().cpu().clone() for k, v in tensors.items()},
        temporary,
        # One entry: safetensors writes several in an order of its own, another one every time.
        metadata={"run": json.dumps({"step": step, "means": dict(means or {})})},
    )
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load(path: Path, modules: dict[str, nn.Module], optimizer: Optimizer | None = None) -> int:
    """Restore a checkpoint.

    Args:
        path: the ``.safetensors`` file.
        modules: networks to fill.
        optimizer: the optimiser to fill, or None to read networks only.

    Returns:
        The number of steps taken.

    Raises:
        ModelError: if the file is missing or does not fit the networks.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; expected a checkpoint; train first")
    with safe_open(path, framework="pt") as file:
        step = int(_run(file.metadata())["step"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for name, module in modules.items():
        own = {k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{name}.")}
        try:
            module.load_state_dict(own)
        except RuntimeError as error:
            raise ModelError(
                f"{path}: does not fit the network {name!r} ({str(error).splitlines()[0]}); "
                "expected the same recipe"
            ) from error
    if optimizer is not None:
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, index, field = key.split(".", 2)
                state.setdefault(int(index), {})[field] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    return step


def means_of(path: Path) -> dict[str, float]:
    """The running means that a checkpoint holds; none where it is of an earlier version."""
    with safe_open(path, framework="pt") as file:
        means: dict[str, float] = _run(file.metadata())["means"]
    return means


def _run(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """What is said of the run; earlier versions wrote the step alone."""
    found = metadata or {}
    if "run" in found:
        said: dict[str, Any] = json.loads(found["run"])
        return said
    return {"step": found.get("step", "0"), "means": {}}
