"""Models from disk: card read, sha256 checked, ONNX Runtime session made."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from faceveil.errors import ModelError
from faceveil.inference.device import CPU, providers
from faceveil.inference.onnx_edit import fix_input
from faceveil.types import Float32Array

ort.disable_telemetry_events()  # where a program imported it before FaceVeil could set the variable

WEIGHTS = Path(str(resources.files("faceveil"))) / "weights"
"""Folder of the models that come with the package."""

MOST_PIXELS = 4096
"""Side of the largest frame that a card may ask for: a damaged one is not to fill the memory."""


class Card(dict[str, Any]):
    """A model's card; a value that it lacks is a :class:`ModelError`, where :meth:`get` gives None.

    Args:
        path: its file, for the complaint.
        values: what it says.

    Raises:
        ModelError: if a value that all cards have in common is of another type or out of range.
    """

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.path = path
        frame = self.get("frame_px", 1)
        if type(frame) is not int or not 1 <= frame <= MOST_PIXELS:
            self._refuse("frame_px", frame, f"1 to {MOST_PIXELS} pixels")
        digest = self.get("sha256", "0" * 64)
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            self._refuse("sha256", digest, "64 hexadecimal digits")
        for key in ("gain", "smoothing_px", "chroma_gain", "chroma_smoothing_px"):
            value = self.get(key, 0)
            if type(value) not in (int, float) or not 0 <= value <= MOST_PIXELS:
                self._refuse(key, value, f"a number from 0 to {MOST_PIXELS}")

    def __missing__(self, key: str) -> Any:
        raise ModelError(f"{self.path}: says nothing of {key}; expected a whole card; reinstall it")

    def _refuse(self, key: str, value: object, expected: str) -> None:
        raise ModelError(f"{self.path}: {key} is {value!r}; expected {expected}; reinstall it")


def read_card(path: Path, kind: str | None = None) -> Card:
    """A model's card.

    Args:
        path: the JSON file beside the weights.
        kind: what the model must be, or None for any.

    Raises:
        ModelError: if the card is missing, is no JSON object, is of another kind, or says what
            cannot be.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such file; expected a model card; reinstall faceveil"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a model card ({error}); reinstall faceveil") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: not a model card (no JSON object); reinstall faceveil")
    if kind is not None and card.get("kind") != kind:
        raise ModelError(f"{path}: kind is {card.get('kind')!r}; expected {kind!r}")
    return Card(path, card)


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
    _LOADED[path.name] = found
    return data


_LOADED: dict[str, str] = {}


def loaded_files() -> dict[str, str]:
    """The sha256 of each model file that this process has read, by the file's name."""
    return dict(sorted(_LOADED.items()))


BATCH = 16
"""Faces in one call of a network: activations of more would not fit in memory."""

TOGETHER = 2
"""Images in one call of a network that changes faces, on a CPU: a face and its mirror image. More
are not quicker, and their activations stay allocated: eight took 628 MB for a folder, two take 380
(OpenVINO, two threads)."""

Feed = Mapping[str, NDArray[np.float32]]
"""Inputs of a network by name, each (N, ...) with the same N >= 1."""


def parts_of(feed: Feed, size: int) -> Iterator[Feed]:
    """The feed in parts of at most ``size`` faces."""
    for start in range(0, len(next(iter(feed.values()))), size):
        yield {k: v[start : start + size] for k, v in feed.items()}


SESSIONS = 8
"""Models kept loaded for whoever asks next; another one takes milliseconds to load."""


def freeing() -> ort.RunOptions:
    """Options of the last call of several, which hands the memory of activations back.

    Without, each session keeps what its largest call needed: 4.6 GB after a SAN, three stages of
    FlowSAN and an ensemble of five in one process, 0.8 GB with it, for about 5 % more time. No
    arena at all would be 0.7 GB for 15 %.
    """
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def run_in_batches(session: ort.InferenceSession, feed: Feed, size: int = BATCH) -> Float32Array:
    """The session's first output for any number of faces, some at a time.

    After several batches the memory of activations is handed back; the few faces of a photo do not
    pay for that.

    Args:
        session: a session with a free batch dimension.
        feed: what the session takes.
        size: most faces at a time.
    """
    count, parts = len(next(iter(feed.values()))), []
    for number, part in enumerate(parts_of(feed, size), 1):
        last = number * size >= count > BATCH
        free = last and session.get_providers() == [CPU]  # a GPU's arena is not this one
        parts.append(session.run(None, part, freeing() if free else None)[0])
    return np.concatenate(parts)


Fixed = tuple[tuple[str, float], ...]
"""Inputs of a network that are constants, by name."""


def with_fixed(model: bytes, fixed: Fixed) -> bytes:
    """The model with those inputs as constants; see :func:`.onnx_edit.fix_input`."""
    for name, value in fixed:
        model = fix_input(model, name, value)
    return model


def session(
    path: Path, sha256: str | None = None, threads: int = 0, fixed: Fixed = ()
) -> ort.InferenceSession:
    """An ONNX Runtime session, shared by all that ask for the same file on the same device.

    The last :data:`SESSIONS` ones are kept; who holds one keeps it besides. The device is that of
    :func:`faceveil.inference.device.chosen`.

    Args:
        path: the ONNX file.
        sha256: expected digest of the file, or None.
        threads: threads inside one operator; 0 lets ONNX Runtime take all cores.
        fixed: inputs that are constants in this session.

    Raises:
        ModelError: if the file is missing, damaged, or no ONNX model.
    """
    return _session(path, sha256, threads, tuple(providers()), fixed)


@lru_cache(maxsize=SESSIONS)
def _session(
    path: Path, sha256: str | None, threads: int, chosen: tuple[str, ...], fixed: Fixed
) -> ort.InferenceSession:
    data = verified_bytes(path, sha256)
    try:
        return make_session(with_fixed(data, fixed), threads, chosen)
    except Exception as error:  # ONNX Runtime raises its own unrelated classes
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: not a usable ONNX model ({reason}); reinstall it") from error


def make_session(model: bytes, threads: int, chosen: Sequence[str]) -> ort.InferenceSession:
    """A session of its own from a serialised model.

    Args:
        model: the ONNX file's bytes.
        threads: threads inside one operator; 0 lets ONNX Runtime take all cores.
        chosen: ONNX Runtime's providers, best first.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Each session has threads of its own, which after a call wait for the next one by spinning: the
    # detector's take the cores from the network that comes after it. Stopped in time, a photo takes
    # half the time; during a call they may spin, which makes one network twice as quick.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(model, options, providers=list(chosen))
