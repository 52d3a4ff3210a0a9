"""What every judge is: a black box that reads gender, or an embedding, from canonical crops.

Judges look on. Nothing in ``protectors`` or ``training`` imports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from faceveil.types import Float32Array, Uint8Array


@dataclass(frozen=True, slots=True)
class JudgeInfo:
    """Who a judge is.

    Attributes:
        name: unique name.
        source: where it comes from.
        licence: SPDX identifier or the terms in words.
        training_data: what it was trained on, as far as known.
    """

    name: str
    source: str
    licence: str
    training_data: str


@runtime_checkable
class GenderJudge(Protocol):
    """Reads P(male) from canonical crops."""

    info: JudgeInfo

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male) in [0, 1] of each crop.

        Args:
            crops: (N, 224, 224, 3) uint8 RGB canonical crops; grey crops have equal channels.

        Returns:
            (N,) float32.
        """
        ...


@runtime_checkable
class Matcher(Protocol):
    """Embeds canonical crops so that the cosine of two embeddings says how alike they are."""

    info: JudgeInfo

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Embeddings of unit length.

        Args:
            crops: (N, 224, 224, 3) uint8 RGB canonical crops.

        Returns:
            (N, D) float32, L2-normalised.
        """
        ...
