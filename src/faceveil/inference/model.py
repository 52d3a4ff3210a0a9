"""FaceVeil's own networks, from disk to numbers, on whatever was chosen for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from faceveil.errors import FaceVeilError, ModelError
from faceveil.inference.card import Card, card_beside, verified_bytes
from faceveil.inference.device import CPU, Choice, Precision, name_of
from faceveil.inference.session import SESSIONS, freeing, session
from faceveil.types import Float32Array

Feed = Mapping[str, NDArray[np.float32]]
"""Inputs of a network by name, each (N, ...) with the same N >= 1."""

BATCH = 16
"""Faces in one call on a GPU; on a CPU memory is handed back after calls for more than these."""

TOGETHER = 2
"""Faces in one call on a CPU: a face and its mirror image. More are not quicker, and their
activations stay allocated: eight took 628 MB for a folder, two take 380 (OpenVINO, two threads)."""


class Network(Protocol):
    """Faces in, numbers out; safe to share between threads."""

    @property
    def runs_on(self) -> str:
        """For people: ``CPU``, ``CPU (OpenVINO)``, ``CPU (OpenVINO, bfloat16)``, ``CUDA``."""
        ...

    def __call__(self, feed: Feed) -> list[Float32Array]:
        """All outputs for any number of faces, some at a time."""
        ...


class Model:
    """A network with its card.

    Made by :meth:`load`. Holds no state of faces: safe to share between threads.

    Attributes:
        card: what it says of itself.
    """

    def __init__(self, card: Card, network: Network) -> None:
        self.card = card
        self._network = network

    @classmethod
    def load(
        cls,
        path: Path,
        kind: str | None = None,
        choice: Choice = Choice(),
        *,
        fixed: tuple[str, float] | None = None,
    ) -> Model:
        """A model from its file of weights and the card beside it.

        Args:
            path: the ONNX file; the first dimension of its inputs is free.
            kind: what the card must say that it is; None for any.
            choice: what it runs on.
            fixed: an input that is the same number for all faces and is fed no more: what depends
                on it alone is worked out when the network is loaded. The card says how, under
                ``constants``: bytes that, put behind the file's own, make the input a constant
                (:func:`faceveil.training.export.constants` wrote them).

        Raises:
            ModelError: if the file or its card is missing, damaged, or of another kind, or the card
                has no such constant.
            OptionError: if the processor lacks the precision that was chosen.
        """
        card = card_beside(path, kind)
        constants = b"" if fixed is None else _constants(card, *fixed)
        return cls(card, _network(path, card["sha256"], choice, constants))

    @property
    def frame(self) -> int:
        """Side of the faces that it takes, in pixels."""
        return int(self.card["frame_px"])

    @property
    def runs_on(self) -> str:
        """What computes it; see :class:`Network`."""
        return self._network.runs_on

    def __call__(self, feed: Feed) -> Float32Array:
        """The first output for any number of faces.

        Args:
            feed: inputs by name, each (N, ...) with the same N >= 1.
        """
        return self._network(feed)[0]

    def outputs(self, feed: Feed) -> list[Float32Array]:
        """All outputs for any number of faces."""
        return self._network(feed)


class OnnxRuntimeNetwork:
    """One network on ONNX Runtime; a :class:`Network`."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.runs_on = name_of(session)
        self._on_cpu = session.get_providers() == [CPU]

    def __call__(self, feed: Feed) -> list[Float32Array]:
        """See :class:`Network`.

        After many faces the memory of activations is handed back; the few of a photo do not pay
        for that.
        """
        size = TOGETHER if self._on_cpu else BATCH
        count, found = count_of(feed), []
        for number, part in enumerate(parts_of(feed, size), 1):
            free = self._on_cpu and number * size >= count > BATCH  # a GPU's arena is not this one
            found.append(self._session.run(None, part, freeing() if free else None))
        return [np.concatenate(output) for output in zip(*found, strict=True)]


def count_of(feed: Feed) -> int:
    """How many faces."""
    return len(next(iter(feed.values())))


def parts_of(feed: Feed, size: int) -> Iterator[Feed]:
    """The feed in parts of at most ``size`` faces."""
    for start in range(0, count_of(feed), size):
        yield {k: v[start : start + size] for k, v in feed.items()}


def _constants(card: Card, name: str, value: float) -> bytes:
    try:
        return bytes.fromhex(card["constants"][name][str(float(value))])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{card.path}: has no constant {name} = {value}; expected a whole card; reinstall it"
        ) from error


def _network(path: Path, sha256: str, choice: Choice, constants: bytes) -> Network:
    if choice.on_openvino:
        return _on_openvino(path, sha256, choice.threads, choice.precision, constants)
    return OnnxRuntimeNetwork(session(path, sha256, choice, constants))


@lru_cache(maxsize=SESSIONS)
def _on_openvino(
    path: Path, sha256: str, threads: int, precision: Precision, constants: bytes
) -> Network:
    from faceveil.inference.openvino import openvino_network

    data = verified_bytes(path, sha256)
    try:
        return openvino_network(data + constants, threads, precision)
    except FaceVeilError:
        raise
    except Exception as error:  # OpenVINO raises RuntimeError for all that is wrong
        reason = next((line for line in str(error).splitlines()[::-1] if line.strip()), "")
        raise ModelError(f"{path}: not a usable ONNX model ({reason}); reinstall it") from error
