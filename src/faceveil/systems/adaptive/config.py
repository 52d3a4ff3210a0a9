"""Recipes: the default protector, trained against attackers that learn along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AdaptiveConfig:
    """A residual editor, fixed guides, attackers retrained in the loop. All values are ours."""

    name: str
    matcher: str
    guides: tuple[str, ...]  # runs of fixed gender classifiers; each step asks some of them
    kind: Literal["adaptive"] = "adaptive"
    data: tuple[str, ...] = ()
    start: str = ""  # run whose editor this one starts from; its attackers are not taken over
    matcher_range: tuple[float, ...] = (0.0, 255.0)
    frame: int = 128
    widths: tuple[int, ...] = (24, 48, 96, 128)
    bound: float = 0.35
    reach: float = 0.04
    loose: float = 0.0  # share of faces aligned as loosely as a detector does
    neutral: float = 0.0  # share of targets that are neither
    guides_a_step: int = 2
    attackers: int = 3  # learning along, of different kinds in turn
    fresh_every: int = 800  # steps after which one attacker begins from scratch, in turn
    attacker_peak: float = 1e-3
    level: float = 3.0  # logit that the guides are to give: the same for faces moved and left
    lambda_guides: float = 0.5  # of the guides' distance from it
    lambda_even: float = 1.0  # the attackers' logits towards 0: even odds
    lambda_fool: float = 0.5  # the attackers' cross-entropy to the target
    lambda_m: float = 4.0  # 1 - cosine of the matcher's descriptors
    lambda_square: float = 60.0  # mean square change
    lambda_smooth: float = 3.0  # total variation of the change
    lambda_tone: float = 100.0  # mean square of the change of chroma, coarse
    match_share: float = 0.5
    smoothing: float = 0.0
    gain: float = 1.0
    chroma_smoothing: float = 0.0  # of what the change does to colour, when it is used
    chroma_gain: float = 1.0
    batch: int = 20
    steps: int = 4000
    peak: float = 1e-3
    sheet_every: int = 500
    seed: int = 10
