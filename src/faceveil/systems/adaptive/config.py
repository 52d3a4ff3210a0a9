"""Recipes: the default protector, trained against attackers that learn along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AdaptiveConfig:
    """A residual editor, fixed guides, attackers retrained in the loop. All values are ours."""

    name: str
    matcher: str
    guides: tuple[
        str, ...
    ]  # fixed gender classifiers, each step asks some: runs, or shipped *.onnx
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
    bank: int = 0  # protected faces that the nearest-neighbour reader of embeddings remembers
    bank_heat: float = 0.05  # of its softmax over cosines
    lambda_bank: float = 1.0  # its odds towards even
    level: float = 3.0  # logit that the guides are to give: the same for faces moved and left
    lambda_guides: float = 0.5  # of the guides' distance from it
    lambda_even: float = 1.0  # the attackers' logits towards 0: even odds
    lambda_fool: float = 0.5  # the attackers' cross-entropy to the target
    lambda_m: float = 4.0  # 1 - cosine of the matcher's descriptors
    lambda_square: float = 60.0  # mean square change
    lambda_smooth: float = 3.0  # total variation of the change
    lambda_tone: float = 100.0  # mean square of the change of chroma, coarse
    lambda_beyond: float = 0.0  # colours outside the range of those nearby, mean square
    lambda_veiled: float = 0.0  # contrast that eyes and mouth lose, mean square
    match_share: float = 0.5
    second_matcher: str = ""  # another family's, asked every other step
    second_range: tuple[float, ...] = (-1.0, 1.0)
    second_bgr: bool = True
    barycentre: bool = False  # embeddings are drawn to where both genders meet, not to themselves
    lambda_hinge: float = 0.0  # shortfall of the cosine to another photo of the same person
    hinge_margin: float = 0.06  # above the threshold at FMR 0.1 % of unprotected impostors
    as_used: bool = False  # train on the change as the protector applies it: smoothed, times gain
    used_strength: float = 0.8  # at this strength
    oval: bool = False  # nothing changes outside a soft oval: hair and background stay
    lambda_mirror: float = 0.0  # distance of the changes of a face and of its mirror image
    mirror_share: float = 0.25
    readers: tuple[str, ...] = ()  # runs of classifiers, no guides, that choose the checkpoint
    validation: str = "celeba128-val.parquet"
    choose_every: int = 500
    smoothing: float = 0.0
    gain: float = 1.0
    chroma_smoothing: float = 0.0  # of what the change does to colour, when it is used
    chroma_gain: float = 1.0
    batch: int = 20
    steps: int = 4000
    peak: float = 1e-3
    sheet_every: int = 500
    seed: int = 10
