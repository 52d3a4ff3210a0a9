"""What every judge is: a black box that reads gender, or an embedding, from canonical crops.

Judges look on. Nothing in ``protectors`` or ``training`` imports them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.geometry import CROP_SIZE
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


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What judges say about one set of N crops.

    Attributes:
        p_male: (N,) P(male) by name of the gender judge.
        embeddings: (N, D) unit embeddings by name of the matcher.
    """

    p_male: Mapping[str, Float32Array]
    embeddings: Mapping[str, Float32Array]


def as_rgb_crops(crops: Uint8Array) -> Uint8Array:
    """Canonical crops as judges take them: (N, 224, 224[, 3]) uint8 -> (N, 224, 224, 3).

    Raises:
        OptionError: if shape or type is another.
    """
    rgb = np.repeat(crops[..., None], 3, axis=3) if crops.ndim == 3 else crops
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[1:] != (CROP_SIZE, CROP_SIZE, 3):
        raise OptionError(
            f"crops: got {crops.dtype} {crops.shape}; expected uint8 (N, 224, 224) or "
            "(N, 224, 224, 3); for photos use check_photos"
        )
    return rgb


def read(
    crops: Uint8Array, gender_judges: Sequence[GenderJudge], matchers: Sequence[Matcher]
) -> Readings:
    """Let every judge look at every crop.

    Args:
        crops: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8 canonical crops.
        gender_judges: gender judges.
        matchers: face matchers.
    """
    rgb = as_rgb_crops(crops)
    return Readings(
        {judge.info.name: judge.p_male(rgb) for judge in gender_judges},
        {matcher.info.name: matcher.embed(rgb) for matcher in matchers},
    )
