"""What the networks run on: how many cores, which engine, which of ONNX Runtime's providers."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

import onnxruntime as ort

from faceveil.errors import OptionError

Device = Literal["auto", "cpu", "openvino", "cuda"]
DEVICES: tuple[Device, ...] = get_args(Device)
Precision = Literal["float32", "bfloat16", "auto"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
CPU = "CPUExecutionProvider"
_GPU = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
"""Best first. TensorRT builds an engine for each shape, which takes minutes: only where CUDA's own
provider is missing."""
_NAMES = {CPU: "CPU", _GPU[0]: "CUDA", _GPU[1]: "TensorRT"}


def usable_cores() -> int:
    """Cores that this process may use: fewer under ``taskset``, or by a container's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        return os.cpu_count() or 1
    return min(cores, quota_cores() or cores)


def quota_cores(root: Path = Path("/")) -> int | None:
    """Cores that control groups let this process use, rounded up; None where they set no quota.

    Args:
        root: where ``proc`` and ``sys`` are (for tests).
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for line in lines:  # 0::/path in version 2, 4:cpu,cpuacct:/path in version 1
        _, kinds, place = (*line.split(":", 2), "", "")[:3]
        if kinds and "cpu" not in kinds.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("cpu" if kinds else "")
        folder = base / place.lstrip("/")
        for here in (folder, *folder.parents):  # any group above may set one
            if here == base.parent:
                break
            quotas += _quota(here)
    return max(1, math.ceil(min(quotas))) if quotas else None


def _quota(folder: Path) -> list[float]:
    """Cores of one group, of either version; none where it sets no quota."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError):
            quota, period = " ".join((folder / n).read_text() for n in names).split()
            if float(quota) > 0 and float(period) > 0:
                return [float(quota) / float(period)]
    return []


@lru_cache(maxsize=1)
def openvino_installed() -> bool:
    """Whether the extra ``fast`` is there; OpenVINO itself is imported when a network needs it."""
    return find_spec("openvino") is not None


def providers_for(device: str, available: Sequence[str]) -> list[str]:
    """Which of the available providers a device means; the CPU's comes last, for what is left over.

    Args:
        device: one of :data:`DEVICES`.
        available: what ONNX Runtime was built with.

    Raises:
        OptionError: if the device is none of these, or needs a provider that is not there.
    """
    if device not in DEVICES:
        raise OptionError(f"device: got {device!r}; expected one of {', '.join(DEVICES)}")
    gpu = [] if device in ("cpu", "openvino") else [p for p in _GPU if p in available][:1]
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


@dataclass(frozen=True, slots=True)
class Choice:
    """What models run on: made once, and passed to whatever loads one.

    Attributes:
        device: ``cpu``, ONNX Runtime; ``openvino``, OpenVINO on the CPU for the networks that
            change faces, ONNX Runtime for all else; ``cuda``, an NVIDIA GPU; or ``auto``, the best
            that is installed: a GPU, else OpenVINO, else the CPU.
        precision: of the networks that change faces: ``float32``, the reference; ``bfloat16``,
            which needs OpenVINO and a processor that computes in it; or ``auto``, bfloat16 where
            it turns out quicker on this machine.
        threads: threads inside one operator; 0 takes all cores.

    Raises:
        OptionError: if a value is none of these, or names what is not there.
    """

    device: Device = "auto"
    precision: Precision = "float32"
    threads: int = 0

    def __post_init__(self) -> None:
        providers_for(self.device, ort.get_available_providers())
        if self.device == "openvino" and not openvino_installed():
            raise OptionError(
                "device: got openvino, which is not installed; expected the extra: "
                'pip install "faceveil[fast]"; or choose cpu'
            )
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise OptionError(f"precision: got {self.precision!r}; expected one of {known}")
        if self.precision == "bfloat16" and not self.on_openvino:
            raise OptionError(
                "precision: got bfloat16, which only OpenVINO computes in, and that is not in use; "
                'pip install "faceveil[fast]" and leave out the device, or choose float32'
            )

    @property
    def settled(self) -> Device:
        """The device, with what ``auto`` comes to here; a GPU is left to each machine."""
        if self.device != "auto":
            return self.device
        gpu = any(p in ort.get_available_providers() for p in _GPU)
        return "auto" if gpu else "openvino" if openvino_installed() else "cpu"

    @property
    def on_openvino(self) -> bool:
        """Whether the networks that change faces run on OpenVINO."""
        return self.settled == "openvino"

    @property
    def reference(self) -> Choice:
        """The same on ONNX Runtime in float32: for networks that only read faces."""
        device: Device = "cpu" if self.on_openvino else self.device
        return replace(self, device=device, precision="float32")

    @property
    def providers(self) -> tuple[str, ...]:
        """ONNX Runtime's providers for a new session, best first."""
        return tuple(providers_for(self.device, ort.get_available_providers()))
