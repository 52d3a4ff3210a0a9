"""What the networks run on: how many cores, and which of ONNX Runtime's providers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, get_args

import onnxruntime as ort

from faceveil.errors import OptionError

Device = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[Device, ...] = get_args(Device)
CPU = "CPUExecutionProvider"
_GPU = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
"""Best first. TensorRT builds an engine for each shape, which takes minutes: only where CUDA's own
provider is missing."""
_NAMES = {CPU: "CPU", _GPU[0]: "CUDA", _GPU[1]: "TensorRT"}

_device: Device = "auto"


def usable_cores() -> int:
    """Cores that this process may run on: fewer than the machine's under ``taskset``."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        return os.cpu_count() or 1


def use_device(device: Device) -> None:
    """Choose what sessions made from now on run on; those that are loaded stay where they are.

    Args:
        device: ``cpu``; ``cuda``, an NVIDIA GPU; or ``auto``, a GPU where there is one.

    Raises:
        OptionError: if it is none of these, or there is no GPU for ``cuda``.
    """
    global _device
    providers_for(device, ort.get_available_providers())
    _device = device


def providers() -> list[str]:
    """ONNX Runtime's providers for a new session, best first."""
    return providers_for(_device, ort.get_available_providers())


def providers_for(device: str, available: Sequence[str]) -> list[str]:
    """Which of the available providers a device means; the CPU's comes last, for what is left over.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        available: what ONNX Runtime was built with.

    Raises:
        OptionError: if the device is none of these, or needs a provider that is not there.
    """
    if device not in DEVICES:
        raise OptionError(f"device: got {device!r}; expected one of {', '.join(DEVICES)}")
    gpu = [] if device == "cpu" else [p for p in _GPU if p in available][:1]
    if device == "cuda" and not gpu:
        raise OptionError(
            "device: got cuda, but this ONNX Runtime has no provider for it; install "
            "onnxruntime-gpu in place of onnxruntime, or choose cpu"
        )
    return [*gpu, CPU]


def name_of(session: ort.InferenceSession) -> str:
    """What a session really runs on: ``CPU``, ``CUDA`` or ``TensorRT``.

    ONNX Runtime falls back to the CPU where a GPU's libraries cannot be loaded.
    """
    first: str = session.get_providers()[0]
    return _NAMES.get(first, first)
