"""Checkpoints without pickle: tensors in safetensors, the step in its metadata, atomic."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
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
    kept = {k: v.detach().cpu().clone() for k, v in tensors.items()}
    said = {"step": step, "means": dict(means or {}), "sha256": _digest(kept)}
    # One entry: safetensors writes several in an order of its own, another one every time.
    save_file(kept, temporary, metadata={"run": json.dumps(said)})
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
        ModelError: if the file is missing, damaged, or does not fit the networks.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; expected a checkpoint; train first")
    said, tensors = _read(path)
    step = int(said["step"])
    digest = said.get("sha256")
    if digest is not None and digest != _digest(tensors):
        raise _damaged(path, "its digest is another")
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
        try:
            _fill(optimizer, tensors)
        except (ValueError, KeyError, IndexError, RuntimeError) as error:
            raise _damaged(path, f"the optimiser's state: {error}") from error
    return step


def means_of(path: Path) -> dict[str, float]:
    """The running means that a checkpoint holds; none where it is of an earlier version.

    Raises:
        ModelError: if it is damaged.
    """
    means: dict[str, float] = _read(path, tensors=False)[0]["means"]
    return means


def _fill(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    groups = optimizer.state_dict()["param_groups"]
    shapes = [p.shape for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, field = key.split(".", 2)
            if value.ndim and value.shape != shapes[int(index)]:
                raise ValueError(f"{key} has shape {tuple(value.shape)}")
            state.setdefault(int(index), {})[field] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What is said of the run, and the tensors by name.

    Raises:
        ModelError: if the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            said = _run(file.metadata())
            names = file.keys() if tensors else ()
            return said, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError, OSError, RuntimeError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from error


def _run(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """What is said of the run; earlier versions wrote the step alone.

    Raises:
        ValueError: if it is not what a run says.
    """
    found = metadata or {}
    if "run" not in found:
        return {"step": int(found.get("step", "0")), "means": {}}
    said = json.loads(found["run"])
    if not isinstance(said, dict):
        raise ValueError("what it says of its run is no JSON object")
    step, means = said.get("step"), said.get("means")
    if type(step) is not int or step < 0:
        raise ValueError(f"step is {step!r}; expected a whole number from 0")
    if not isinstance(means, dict) or not all(type(v) in (int, float) for v in means.values()):
        raise ValueError("its means are no numbers by name")
    return said


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and contents, whatever their order."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def _damaged(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path}: damaged ({why[:200]}); expected a checkpoint as it was written; copy it again, "
        "or delete it to begin anew"
    )
