"""The networks that change faces, on whatever engine was chosen for them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import onnxruntime as ort

from faceveil.errors import FaceVeilError, ModelError
from faceveil.inference.device import CPU, Precision, chosen, name_of
from faceveil.inference.session import (
    BATCH,
    SESSIONS,
    TOGETHER,
    Feed,
    Fixed,
    run_in_batches,
    session,
    verified_bytes,
    with_fixed,
)
from faceveil.types import Float32Array


class Network(Protocol):
    """Faces in, numbers out."""

    @property
    def runs_on(self) -> str:
        """For people: ``CPU``, ``CPU (OpenVINO)``, ``CPU (OpenVINO, bfloat16)``, ``CUDA``."""
        ...

    def __call__(self, feed: Feed) -> Float32Array:
        """The first output for any number of faces, some at a time.

        Args:
            feed: inputs by name, each (N, ...) with the same N >= 1.
        """
        ...


class OrtNetwork:
    """One network on ONNX Runtime."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.runs_on = name_of(session)
        self._size = TOGETHER if session.get_providers() == [CPU] else BATCH

    def __call__(self, feed: Feed) -> Float32Array:
        """See :class:`Network`."""
        return run_in_batches(self._session, feed, self._size)


def network(path: Path, sha256: str | None = None, threads: int = 0, fixed: Fixed = ()) -> Network:
    """A network that changes faces, on what :func:`faceveil.inference.device.chosen` says.

    Args:
        path: the ONNX file; the first dimension of its inputs is free.
        sha256: expected digest of the file, or None.
        threads: threads inside one call; 0 takes all cores.
        fixed: inputs that are the same for all faces: what depends on them alone is worked out
            when the network is loaded.

    Raises:
        ModelError: if the file is missing, damaged, or no ONNX model.
        OptionError: if the processor lacks the precision that was chosen.
    """
    choice = chosen()
    if choice.on_openvino:
        return _on_openvino(path, sha256, threads, choice.precision, fixed)
    return OrtNetwork(session(path, sha256, threads, fixed))


@lru_cache(maxsize=SESSIONS)
def _on_openvino(
    path: Path, sha256: str | None, threads: int, precision: Precision, fixed: Fixed
) -> Network:
    from faceveil.inference.openvino import openvino_network

    data = verified_bytes(path, sha256)
    try:
        return openvino_network(with_fixed(data, fixed), threads, precision)
    except FaceVeilError:
        raise
    except Exception as error:  # OpenVINO raises RuntimeError for all that is wrong
        reason = next((line for line in str(error).splitlines()[::-1] if line.strip()), "")
        raise ModelError(f"{path}: not a usable ONNX model ({reason}); reinstall it") from error
