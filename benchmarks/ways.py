"""The ways to protect that whole runs are measured in: a core install, and one with ``fast``."""

from __future__ import annotations

from typing import NamedTuple

from faceveil import Protector
from faceveil.inference.device import Device, Precision
from faceveil.types import Target


class Way(NamedTuple):
    """Arguments of ``faceveil.load_protector``."""

    name: str
    device: Device = "cpu"
    precision: Precision = "float32"

    @property
    def flags(self) -> list[str]:
        """The same for the command line."""
        chosen = ["--device", self.device, "--precision", self.precision]
        return ["--method", self.name, *chosen]


WAYS = {
    "adaptive": Way("adaptive"),
    "adaptive, OpenVINO bfloat16": Way("adaptive", "openvino", "bfloat16"),
    "san": Way("san"),
    "san, OpenVINO bfloat16": Way("san", "openvino", "bfloat16"),
    "pixelate": Way("pixelate"),
}
"""By the name that results give them."""


def repeatable(protector: Protector) -> Target | None:
    """The target for figures that must not hang on a key: neutral in place of a drawn one."""
    return "neutral" if protector.crop_protector.own_target == "random" else None
