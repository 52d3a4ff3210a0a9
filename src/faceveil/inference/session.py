"""ONNX Runtime's side: sessions that are shared, and the memory that they hand back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import onnxruntime as ort

from faceveil.errors import ModelError
from faceveil.inference.card import verified_bytes
from faceveil.inference.device import Choice

ort.disable_telemetry_events()  # where a program imported it before FaceVeil could set the variable

SESSIONS = 8
"""Models kept loaded for whoever asks next; another one takes milliseconds to load."""


def session(
    path: Path, sha256: str | None, choice: Choice, constants: bytes = b""
) -> ort.InferenceSession:
    """An ONNX Runtime session, shared by all that ask for the same file on the same device.

    The last :data:`SESSIONS` ones are kept; who holds one keeps it besides.

    Args:
        path: the ONNX file.
        sha256: expected digest of the file, or None.
        choice: what it runs on.
        constants: what makes inputs constants; see :meth:`.model.Model.load`.

    Raises:
        ModelError: if the file is missing, damaged, or no ONNX model.
    """
    return _session(path, sha256, choice.threads, choice.providers, constants)


@lru_cache(maxsize=SESSIONS)
def _session(
    path: Path, sha256: str | None, threads: int, providers: tuple[str, ...], constants: bytes
) -> ort.InferenceSession:
    data = verified_bytes(path, sha256)
    try:
        return make_session(data + constants, threads, providers)
    except Exception as error:  # ONNX Runtime raises its own unrelated classes
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: not a usable ONNX model ({reason}); reinstall it") from error


def make_session(model: bytes, threads: int, providers: Sequence[str]) -> ort.InferenceSession:
    """A session of its own from a serialised model.

    Args:
        model: the ONNX file's bytes.
        threads: threads inside one operator; 0 lets ONNX Runtime take all cores.
        providers: ONNX Runtime's, best first.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Each session has threads of its own, which after a call wait for the next one by spinning: the
    # detector's take the cores from the network that comes after it. Stopped in time, a photo takes
    # half the time; during a call they may spin, which makes one network twice as quick.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(model, options, providers=list(providers))


def freeing() -> ort.RunOptions:
    """Options of the last call of several, which hands the memory of activations back.

    Without, each session keeps what its largest call needed: 4.6 GB after a SAN, three stages of
    FlowSAN and an ensemble of five in one process, 0.8 GB with it, for about 5 % more time. No
    arena at all would be 0.7 GB for 15 %.
    """
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options
