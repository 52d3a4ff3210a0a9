"""Parts that look at a call's deadline while they work, and what its work may amount to."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.detect import CenterFace
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.protect.base import CropProtector
from faceveil.systems.specs import spec_of
from faceveil.types import Float32Array, Float64Array, Uint8Array
from faceveil.web.errors import ApiError
from faceveil.web.options import ProtectFields
from faceveil.web.pool import Deadline

CHECK_SECONDS = 0.15
"""The judges' time for a face, before and after, on one core of a plain machine, rounded up."""


class Finder(CenterFace):
    """The package's detector; it looks at the deadline before each look at a part of a photo."""

    deadline: Deadline | None = None

    def until(self, deadline: Deadline) -> Finder:
        """The same detector for one call."""
        mine = copy(self)
        mine.deadline = deadline
        return mine

    def _find(
        self, rgb: Uint8Array, threshold: float
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        if self.deadline is not None:
            self.deadline.look()
        return super()._find(rgb, threshold)


class WatchedMethod:
    """A method that looks at the deadline before each face."""

    def __init__(self, method: CropProtector, deadline: Deadline) -> None:
        self._method, self._deadline = method, deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None,
    ) -> Float32Array:
        """See :class:`faceveil.protect.base.CropProtector`."""
        self._deadline.look()
        return self._method.protect(faces, male, target, landmarks)


class WatchedJudge:
    """A judge that looks at the deadline between a few faces and the next."""

    _TOGETHER = 8

    def __init__(self, judge: GenderJudge | Matcher, deadline: Deadline) -> None:
        self._judge, self._deadline = judge, deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._judge, name)

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """See :class:`faceveil.judges.base.GenderJudge`."""
        return self._in_parts("p_male", crops)

    def embed(self, crops: Uint8Array) -> Float32Array:
        """See :class:`faceveil.judges.base.Matcher`."""
        return self._in_parts("embed", crops)

    def _in_parts(self, what: str, crops: Uint8Array) -> Float32Array:
        parts = []
        for start in range(0, len(crops), self._TOGETHER):
            self._deadline.look()
            parts.append(getattr(self._judge, what)(crops[start : start + self._TOGETHER]))
        return np.concatenate(parts)


def refuse_too_much(faces: int, each: float, name: str, deadline: Deadline) -> None:
    """Refuse work that would hold everybody else up, before it starts.

    What it takes is an estimate for a plain machine, so that the same request is taken or refused
    whatever else goes on here.

    Args:
        faces: of a photo.
        each: seconds for one of them.
        name: what is asked for, for the complaint.
        deadline: with what the call may still work; what is taken is charged.

    Raises:
        ApiError: ``too_much`` if it is more than that; a call's first face is always taken.
    """
    most = int(deadline.work / each) if each else faces
    if deadline.fresh:
        most = max(most, 1)
    if faces > most:
        raise ApiError(
            "too_much",
            f"{faces} faces are too many for {name} in one call; expected at most {max(most, 0)}; "
            "choose fewer faces (largest, or numbers), send fewer photos, or take a quicker method",
        )
    deadline.charge(faces * each)


def seconds_of(fields: ProtectFields) -> float:
    """What a face takes, roughly."""
    own = 0.0
    with suppress(OptionError):  # a method that is none is said where it is loaded
        own = spec_of(fields.method).seconds
    return own + (CHECK_SECONDS if fields.check else 0.0)
