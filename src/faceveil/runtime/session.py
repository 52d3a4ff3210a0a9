"""Models from disk: card read, sha256 checked, ONNX Runtime session made."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import onnxruntime as ort

from faceveil.errors import ModelError

WEIGHTS = Path(str(resources.files("faceveil"))) / "weights"
"""Folder of the models that come with the package."""


def read_card(path: Path) -> dict[str, Any]:
    """A model's card.

    Raises:
        ModelError: if the card is missing or is no JSON object.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such file; expected a model card; reinstall faceveil"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not a model card ({error}); reinstall faceveil") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: not a model card (no JSON object); reinstall faceveil")
    return card


def verified_bytes(path: Path, sha256: str | None) -> bytes:
    """A model file's bytes.

    Args:
        path: the file.
        sha256: the digest that its card states, or None where it states none.

    Raises:
        ModelError: if the file is missing, cannot be read, or has another digest.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; expected a model; reinstall faceveil") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check it") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise ModelError(
            f"{path}: sha256 is {found[:12]}..., its card says {sha256[:12]}...; "
            "the file is damaged or was replaced; reinstall faceveil"
        )
    return data


@cache
def session(path: Path, sha256: str | None = None, threads: int = 0) -> ort.InferenceSession:
    """An ONNX Runtime session on the CPU, shared by all that ask for the same file.

    Args:
        path: the ONNX file.
        sha256: expected digest of the file, or None.
        threads: threads inside one operator; 0 lets ONNX Runtime take all cores.

    Raises:
        ModelError: if the file is missing, damaged, or no ONNX model.
    """
    data = verified_bytes(path, sha256)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own unrelated classes
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: not a usable ONNX model ({reason}); reinstall it") from error
