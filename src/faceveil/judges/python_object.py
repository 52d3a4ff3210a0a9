"""Any Python callable as a judge: what it returns is checked, and a crop that it fails at is named.

The adapters for libraries are such callables too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.judges.base import GenderJudge, JudgeInfo, Matcher
from faceveil.own import first_line
from faceveil.types import Float32Array, Uint8Array

Answer = Callable[[Uint8Array], Any]
Kind = Literal["gender", "embedding"]
CHUNK = 64  # crops in one call, so that the memory of the user's code stays bounded
SHAPE = (CROP_SIZE, CROP_SIZE, 3)
_SLACK = 1e-5  # a softmax in float32 may end a little above 1


class CropError(ModelError):
    """``judge`` failed at ``crops``, indices in the array that it was given, for a ``reason``."""

    def __init__(self, judge: str, crops: Sequence[int], reason: str) -> None:
        self.judge, self.crops, self.reason = judge, tuple(int(i) for i in crops), reason
        first, last = self.crops[0], self.crops[-1]
        where = f"crop {first}" if first == last else f"crops {first} to {last}"
        super().__init__(f"{judge}: {where} (counted from 0): {reason}")

    def __reduce__(self) -> tuple[type[CropError], tuple[str, tuple[int, ...], str]]:
        # Exceptions pass between worker processes, which rebuild them from their arguments.
        return CropError, (self.judge, self.crops, self.reason)

    def moved(self, positions: Sequence[int]) -> CropError:
        """The same for a larger array, in which crop i of this one lies at ``positions[i]``."""
        return CropError(self.judge, [positions[i] for i in self.crops], self.reason)


class _Called:
    kind: Kind | None = None
    expected = "({0},) P(male), or ({0}, D) embeddings"
    width = 0  # of the embeddings, where it is known before the first answer

    def __init__(self, function: Answer, info: JudgeInfo, *, version: str = "") -> None:
        self.function, self.info, self.version = function, info, version

    def answer(self, crops: Uint8Array) -> Float32Array:
        """Answers for any number of crops, in chunks.

        Raises:
            OptionError: if the crops have another shape or type.
            ModelError: if the function fails, or an answer is none; a CropError where it can tell.
        """
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != SHAPE:
            raise OptionError(
                f"crops: got {crops.dtype} {crops.shape}; expected uint8 (N, 224, 224, 3); "
                "repeat a grey crop's channel three times"
            )
        parts: list[Float32Array] = []
        for start in range(0, len(crops), CHUNK):
            part = crops[start : start + CHUNK]
            try:
                found = self.asked(part)
                self._check(found)
            except CropError as error:
                raise error.moved(range(start, start + len(part))) from error.__cause__
            if parts and found.shape[1:] != parts[0].shape[1:]:
                raise self.wrong(found, f"rows of shape {parts[0].shape[1:]} as before")
            parts.append(found)
        return np.concatenate(parts) if parts else np.empty((0, self.width), np.float32)

    def asked(self, part: Uint8Array) -> Float32Array:
        """One call; its answer has a row for each crop."""
        try:
            out = self._numbers(part)
        except Exception as error:  # the user's code may throw anything
            raise self._located(part, error) from error
        narrow = out.ndim == 1 or (out.ndim == 2 and out.shape[1] == 1)
        known = self.kind is None or narrow == (self.kind == "gender")
        if out.shape[:1] != (len(part),) or out.ndim > 2 or out.size == 0 or not known:
            raise self.wrong(out, self.expected.format(len(part)))
        return out

    def wrong(self, out: Float32Array, expected: str) -> ModelError:
        return ModelError(f"{self.info.name}: returned shape {out.shape}; expected {expected}")

    def _check(self, out: Float32Array) -> None:
        rows = out.reshape(len(out), -1)
        problems = [(~np.isfinite(rows).all(axis=1), "finite numbers")]
        if self.kind == "gender":
            outside = ((rows < -_SLACK) | (rows > 1 + _SLACK)).any(axis=1)
            problems.append((outside, "P(male) in 0 to 1"))
        if self.kind == "embedding":
            problems.append((~rows.any(axis=1), "a vector with a direction"))
        for bad, expected in problems:
            if bad.any():
                i = int(bad.argmax())
                got = ", ".join(f"{v:g}" for v in rows[i, :3]) + ", ..." * (rows.shape[1] > 3)
                raise CropError(self.info.name, [i], f"returned {got}; expected {expected}")

    def _numbers(self, crops: Uint8Array) -> Float32Array:
        # A copy: what the user's code does to it must not reach the judges after it.
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and reported as such
            return np.asarray(self.function(crops.copy())).astype(np.float32)

    def _located(self, part: Uint8Array, error: Exception) -> CropError:
        expected = f"expected an answer for uint8 {part.shape}"
        for i in range(len(part)):
            try:
                self._numbers(part[i : i + 1])
            except Exception as single:
                return CropError(self.info.name, [i], f"{first_line(single)}; {expected}")
        reason = f"{first_line(error)}; {expected}; one by one they work"
        return CropError(self.info.name, range(len(part)), reason)


class CallableGenderJudge(_Called):
    """A function of crops that gives P(male)."""

    kind, expected = "gender", "({0},) P(male)"

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male) in [0, 1]: (N, 224, 224, 3) uint8 RGB -> (N,) float32."""
        return np.clip(self.answer(crops).reshape(len(crops)), 0, 1)


class CallableMatcher(_Called):
    """A function of crops that gives embeddings."""

    kind, expected = "embedding", "({0}, D) embeddings"

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Unit embeddings: (N, 224, 224, 3) uint8 RGB -> (N, D) float32."""
        rows = self.answer(crops).astype(np.float64)  # squares of float32 may overflow
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def python_judge(
    function: Answer, name: str, kind: Kind | None = None, info: JudgeInfo | None = None
) -> GenderJudge | Matcher:
    """The judge of a callable: (N, 224, 224, 3) uint8 RGB -> (N,) P(male) or (N, D) embeddings.

    Args:
        function: the callable; may have an attribute ``judge_info``, a ``JudgeInfo``.
        name: of the judge, where it has none.
        kind: the function's ``judge_kind`` where None; where that is absent too, its answer for
            two crops of noise tells, unless that is two numbers a crop.
        info: who it is; the function's ``judge_info`` where None.

    Raises:
        OptionError: if there is no such kind.
        ModelError: if the answer for the noise is none, or not of that kind.
    """
    kind = kind or getattr(function, "judge_kind", None)
    if kind not in (None, "gender", "embedding"):
        raise OptionError(f"judge {name}: kind is {kind!r}; expected gender or embedding")
    unknown = JudgeInfo(name, "the user's own code", "the user's", "unknown")
    who: JudgeInfo = getattr(function, "judge_info", unknown) if info is None else info
    noise = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), dtype=np.uint8)
    classes = {None: _Called, "gender": CallableGenderJudge, "embedding": CallableMatcher}
    called = classes[kind](function, who)
    out = called.asked(noise)
    width = out.size // len(out)
    if kind is None and width == 2:
        raise called.wrong(out, "(2,) P(male); for embeddings of two numbers state judge_kind")
    return (CallableGenderJudge if width == 1 else CallableMatcher)(function, who)
