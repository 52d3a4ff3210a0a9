"""Recipes: the GANs that edit attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faceveil.data.selection import Selected


@dataclass(frozen=True, slots=True)
class GenderANConfig(Selected):
    """Gender-AN (IEEE IoT Journal 2022)."""

    name: str
    matcher: str
    labels: str  # run of the attribute classifier that labels the packs
    kind: Literal["gender-an"] = "gender-an"
    data: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ("Male", "Attractive", "Heavy_Makeup", "Young")  # section IV-A
    matcher_range: tuple[float, ...] = (0.0, 255.0)
    frame: int = 128  # the paper's is 224
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)  # Tables I and II
    stu_norm: bool = True  # research 2.5: the paper was very likely built on such a version
    random_strength: bool = True  # research 2.5, likewise
    condition: Literal["latent", "input"] = (
        "latent"  # where G gets the difference: STGAN's place; section III-B says at 224 x 224
    )
    condition_critic: bool = False  # D gets the labels at 224 x 224 too, section III-B
    value_range: tuple[float, ...] = (0.0, 1.0)  # of faces in the losses; Table I's tanh: (-1, 1)
    anchored: bool = False  # output x + G(x, d) - G(x, 0); ours
    views: bool = False  # random views before the attribute head; ours
    lambda_1: float = 1.0  # section IV-A, D's attributes
    lambda_2: float = 10.0  # G's attributes
    lambda_3: float = 100.0  # reconstruction
    lambda_4: float = 100.0  # matcher
    lambda_gp: float = 10.0  # STGAN
    guides: tuple[str, ...] = ()  # runs of gender classifiers that G must convince too; ours
    lambda_guides: float = 10.0  # of their cross-entropy; ours
    held_out: str = ""  # run of a gender classifier, no guide: chooses the checkpoint, Fig. 7
    ship: Literal["best", "last"] = "best"  # the held-out classifier's choice, or the last step
    validation: str = "celeba128-val.parquet"  # faces that it is asked about
    start: str = ""  # run whose networks this one starts from
    critic_steps: int = 5  # STGAN: D's steps for each of G's
    match_share: float = 1.0  # share of a batch that the matcher reads; below 1: ours, for speed
    batch: int = 16  # section IV-A
    steps: int = 1_000_000  # section IV-A
    peak: float = 2e-4  # section IV-A
    schedule: Literal["step", "linear", "constant", "one_cycle"] = (
        "step"  # section IV-A: a tenth of it after 80 % of the steps
    )
    betas: tuple[float, ...] = (0.5, 0.999)  # section IV-A
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"  # section IV-A: bicubic
    smoothing: float = 0.0  # sigma of the shipped change, px of 224; ours
    gain: float = 1.0  # factor of the shipped change; ours
    sheet_every: int = 0  # steps between contact sheets; 0 for one an epoch
    seed: int = 8


@dataclass(frozen=True, slots=True)
class PrivacyNetConfig(Selected):
    """PrivacyNet: StarGAN's networks and losses with a matcher."""

    name: str
    matcher: str
    labels: str  # run of the attribute classifier that labels the packs
    kind: Literal["privacynet"] = "privacynet"
    data: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("Male",)  # each a name, or names joined by "|": one of them holds
    matcher_range: tuple[float, ...] = (0.0, 255.0)
    frame: int = 128  # the paper's is 224
    width: int = 64  # StarGAN
    blocks: int = 6  # StarGAN
    critic_width: int = 64  # StarGAN
    critic_layers: int = 6  # StarGAN
    value_range: tuple[float, ...] = (0.0, 1.0)  # of faces in the losses; StarGAN: (-1, 1)
    anchored: bool = False  # output x + G(x, t) - G(x, s); ours
    views: bool = False  # random views before the label head; ours
    lambda_cls: float = 1.0  # StarGAN
    lambda_rec: float = 10.0  # StarGAN: L1 of the way there and back
    lambda_m: float = 10.0  # the paper's cannot be verified; research 2.4 suggests 1 to 10
    lambda_gp: float = 10.0  # StarGAN
    guides: tuple[str, ...] = ()  # runs of gender classifiers that G must convince too; ours
    lambda_guides: float = 10.0  # of their cross-entropy; ours
    held_out: str = ""  # run of a gender classifier, which chooses the checkpoint
    ship: Literal["best", "last"] = "best"  # the held-out classifier's choice, or the last step
    validation: str = "celeba128-val.parquet"  # faces that it is asked about
    critic_steps: int = 5  # StarGAN
    match_share: float = 1.0
    batch: int = 16  # StarGAN
    steps: int = 200_000  # StarGAN
    peak: float = 1e-4  # StarGAN
    schedule: Literal["step", "linear", "constant", "one_cycle"] = (
        "linear"  # StarGAN: falls to 0 over the second half
    )
    betas: tuple[float, ...] = (0.5, 0.999)  # StarGAN
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"  # to the frame; StarGAN
    smoothing: float = 0.0  # sigma of the shipped change, px of 224; ours
    gain: float = 1.0  # factor of the shipped change; ours
    sheet_every: int = 0
    seed: int = 9
