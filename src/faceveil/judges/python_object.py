"""Any Python callable as a judge: ``module:function``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.judges.base import GenderJudge, JudgeInfo, Matcher
from faceveil.types import Float32Array, Uint8Array

Answer = Callable[[Uint8Array], Any]


class _Called:
    """Calls the function and checks what it returns."""

    def __init__(self, function: Answer, spec: str) -> None:
        self.function = function
        self.info = JudgeInfo(spec, "the user's own code", "the user's", "unknown")

    def answer(self, crops: Uint8Array) -> Float32Array:
        try:
            out = np.asarray(self.function(crops), np.float32)
        except Exception as error:  # the user's code may throw anything
            lines = str(error).splitlines() or [""]
            raise ModelError(
                f"{self.info.name}: {type(error).__name__}: {lines[0]}; expected an answer for "
                f"uint8 {crops.shape}"
            ) from error
        if out.shape[:1] != (len(crops),) or out.ndim > 2:
            raise ModelError(
                f"{self.info.name}: returned shape {out.shape}; expected ({len(crops)},) P(male), "
                f"or ({len(crops)}, D) embeddings"
            )
        bad = np.flatnonzero(~np.isfinite(out).reshape(len(out), -1).all(axis=1))
        if len(bad):
            raise ModelError(
                f"{self.info.name}: {len(bad)} of {len(out)} answers are not finite, the first for "
                f"crop {bad[0]}"
            )
        return out


class CallableGenderJudge(_Called):
    """A function of crops that gives P(male)."""

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male) in [0, 1]: (N, 224, 224, 3) uint8 RGB -> (N,) float32.

        Raises:
            ModelError: if the function fails, or an answer is no probability.
        """
        out = self.answer(crops).reshape(len(crops))
        if len(out) and (out.min() < 0 or out.max() > 1):
            raise ModelError(
                f"{self.info.name}: returned {out.min():g} to {out.max():g}; expected P(male) in "
                "0 to 1"
            )
        return out


class CallableMatcher(_Called):
    """A function of crops that gives embeddings."""

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Unit embeddings: (N, 224, 224, 3) uint8 RGB -> (N, D) float32.

        Raises:
            ModelError: if the function fails.
        """
        out = self.answer(crops)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.maximum(norms, 1e-12), np.float32)


def python_judge(spec: str) -> GenderJudge | Matcher:
    """The judge of a callable.

    The function takes (N, 224, 224, 3) uint8 RGB canonical crops and gives (N,) or (N, 1) P(male),
    or (N, D) embeddings; two grey crops tell which.

    Args:
        spec: ``package.module:function``.

    Raises:
        OptionError: if there is no such callable.
        ModelError: if it fails on two grey crops, or gives neither.
    """
    module, _, name = spec.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise OptionError(
            f"judge {spec}: {error}; expected module:function on Python's path"
        ) from (error)
    if not callable(function):
        raise OptionError(f"judge {spec}: got a {type(function).__name__}; expected a function")
    probe = np.full((2, CROP_SIZE, CROP_SIZE, 3), 128, np.uint8)
    out = _Called(function, spec).answer(probe)
    if out.ndim == 1 or out.shape[1] == 1:
        return CallableGenderJudge(function, spec)
    return CallableMatcher(function, spec)
