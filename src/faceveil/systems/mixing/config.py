"""Recipes: what face mixing needs: landmarks, and average faces to blend with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LandmarkConfig:
    """The network for 68 landmarks that face mixing needs, distilled from a teacher."""

    name: str
    teacher: str
    kind: Literal["landmarks"] = "landmarks"
    data: tuple[str, ...] = ()
    validation: str = "celeba128-val.parquet"
    widths: tuple[int, ...] = (32, 48, 64, 64)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    dropout: float = 0.0
    degrees: float = 6.0  # the views' rotation; ours, the crops are aligned already
    scale: float = 0.06  # log-scale of the views; ours
    shift: float = 0.02  # shift of the views, of the side; ours
    blur: float = 0.2  # ours
    tone: float = 0.2  # ours
    grey: float = 0.3  # share of a batch without colour; ours
    batch: int = 64
    steps: int = 1300
    peak: float = 3e-3
    seed: int = 6


@dataclass(frozen=True, slots=True)
class CandidateConfig:
    """The average faces that face mixing blends with."""

    name: str
    kind: Literal["candidates"] = "candidates"
    landmarks: str = "landmarks"  # run of the landmark network
    data: tuple[str, ...] = ()
    clusters: int = 8  # of each gender; ours, the paper has a pool of photos
    least: int = 200  # faces in an average; ours, so that no one can be made out
    seed: int = 7
