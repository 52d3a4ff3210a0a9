"""Judges of several attributes at once, such as attractive, heavy make-up, young."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.loaded import user_function
from faceveil.judges.python_object import CHUNK
from faceveil.own import first_line
from faceveil.types import Float32Array, Float64Array, Uint8Array


class AttributeJudge(Protocol):
    """Reads K attributes from canonical crops.

    Attributes:
        info: who it is.
        attributes: their (K,) names.
    """

    info: JudgeInfo
    attributes: tuple[str, ...]

    def p_attributes(self, crops: Uint8Array) -> Float32Array:
        """Probabilities (N, K) in [0, 1] of (N, 224, 224, 3) uint8 RGB crops."""
        ...


class CallableAttributes:
    """A Python function of crops that says what it gives in its attribute ``attributes``.

    Args:
        spec: ``module:function``, on Python's path or here.

    Raises:
        OptionError: if there is none, or it does not name its attributes.
        ModelError: if the user's module fails.
    """

    def __init__(self, spec: str) -> None:
        self._function = user_function(spec)
        self.attributes: tuple[str, ...] = tuple(getattr(self._function, "attributes", ()))
        if not self.attributes:
            raise OptionError(
                f"attributes {spec}: the function names none; expected names of what it gives in "
                "its attribute 'attributes'"
            )
        self.info = JudgeInfo(spec, "the user's own code", "the user's", "unknown")

    def p_attributes(self, crops: Uint8Array) -> Float32Array:
        """Probabilities (N, K) in [0, 1]; see :class:`AttributeJudge`.

        Raises:
            ModelError: if the function fails, or gives another shape or no probabilities.
        """
        parts = []
        for start in range(0, len(crops), CHUNK):
            part = crops[start : start + CHUNK].copy()  # the user's code may write into it
            try:
                out = np.asarray(self._function(part), np.float32)
            except Exception as error:  # the user's code may throw anything
                raise ModelError(f"{self.info.name}: {first_line(error)}") from error
            expected = (len(part), len(self.attributes))
            if out.shape != expected or not ((out >= 0) & (out <= 1)).all():
                raise ModelError(
                    f"{self.info.name}: got {out.shape}; expected {expected} probabilities, 0 to 1"
                )
            parts.append(out)
        return np.concatenate(parts) if parts else np.empty((0, len(self.attributes)), np.float32)


def attribute_labels(path: Path, sources: Sequence[str], names: Sequence[str]) -> Float64Array:
    """True attributes of faces, by the file that each was cut from.

    Args:
        path: CSV with a column ``source`` and one of 0 and 1 for each name.
        sources: (N,) files.
        names: (K,) attributes.

    Returns:
        (N, K); NaN where a file or an attribute is not listed.

    Raises:
        OptionError: if the file is missing, or a value is neither 0 nor 1.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            listed = {row.get("source", ""): row for row in csv.DictReader(file)}
        values = [[float(listed.get(s, {}).get(n) or "nan") for n in names] for s in sources]
    except (OSError, ValueError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"{path}: {error}; expected a CSV of source and 0 or 1 each") from error
    found = np.array(values, np.float64).reshape(len(sources), len(names))
    if not np.isin(found[np.isfinite(found)], (0, 1)).all():
        raise OptionError(f"{path}: a value is neither 0 nor 1; expected such labels")
    return found
