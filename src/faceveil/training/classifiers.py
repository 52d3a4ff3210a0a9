"""Recipes: what learns to read faces: classifiers and matchers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faceveil.data.selection import Selected


@dataclass(frozen=True, slots=True)
class GenderConfig(Selected):
    """A gender classifier: SAN's auxiliary one, or the judge that comes with the package."""

    name: str
    kind: Literal["gender"] = "gender"
    data: tuple[str, ...] = ()
    validation: str = "celeba128-val.parquet"
    network: Literal["paper", "official", "keras", "resnet", "plain", "residual", "separable"] = (
        "paper"  # the last three are networks/reader.py's
    )
    norm: bool = True  # batch normalisation; ours, none of the three has it
    widths: tuple[int, ...] = (32, 64, 128, 128, 256, 256)  # SAN Fig. 4 ends in 256; rest ours
    frame: int = 128  # pixels; the paper's is 224, see design: a third of the arithmetic
    grey: bool = True  # SAN works on luma
    hidden: int = 256  # ours; the paper does not print it
    dropout: float = 0.5  # SAN 2.2.3
    views: bool = True  # random views, by the values below; ours
    degrees: float = 12.0  # rotation of the random views; ours
    scale: float = 0.15  # log-scale of the random views; ours
    shift: float = 0.06  # shift of the random views, of the side; ours
    blur: float = 0.3  # ours
    tone: float = 0.3  # ours
    zoom: float = 1.0  # how tightly a reader looks; 1 sees the whole crop; ours
    tint: float = 0.0  # each channel's gain, plus or minus this, of colour views; ours
    adversarial: float = 0.0  # share of each batch attacked by one signed-gradient step; ours
    epsilon: tuple[float, ...] = (2 / 255, 8 / 255)  # its size, drawn for each face; ours
    label_smoothing: float = 0.02  # ours: keeps the logits of the auxiliary network moderate
    balanced: bool = True  # both genders equally often, whatever the data's shares; ours
    draw: Literal["random", "epochs"] = "random"  # "epochs": each face once; needs balanced = false
    batch: int = 64
    steps: int = 1500
    epochs: float = 0.0  # in place of steps
    peak: float = 2e-3  # research 7
    schedule: Literal["one_cycle", "constant"] = "one_cycle"  # research 7
    betas: tuple[float, ...] = (0.9, 0.999)  # of AdamW
    weight_decay: float = 1e-2  # of AdamW; with 0 it is Adam
    resample: str = ""  # run of a race classifier; "" for no resampling. FlowSAN section 3
    underrepresented: str = "Black"  # the race that is replicated; CelebA's rarest large group
    parts: int = 5  # FlowSAN section 3: five training sets, disjoint subsets
    part: int = 0  # which of them, from 0
    replicate: int = 40  # FlowSAN section 3
    seed: int = 1


@dataclass(frozen=True, slots=True)
class RaceConfig:
    """A race classifier for resampling; trained on a pack that has race labels."""

    name: str
    kind: Literal["race"] = "race"
    data: tuple[str, ...] = ()
    label: tuple[str, ...] = ()  # packs to label
    held_out: int = 1000  # images kept from training, to measure on
    widths: tuple[int, ...] = (32, 48, 96, 128)
    dropout: float = 0.3
    tone: float = 0.25
    batch: int = 60
    steps: int = 900
    peak: float = 2e-3
    seed: int = 5


@dataclass(frozen=True, slots=True)
class AttributesConfig:
    """An attribute classifier, which labels what a data set does not say."""

    name: str
    kind: Literal["attributes"] = "attributes"
    data: tuple[str, ...] = ()
    # Or CelebA's own list_attr_celeba.txt; "columns": age group and race of the packs themselves.
    attributes: str = "celeba-attributes.csv"
    label: tuple[str, ...] = ()  # packs to label
    held_out: float = 0.2  # share of the listed people to measure on
    gender_weight: float = 0.1  # of the faces of which only the gender is known; ours
    widths: tuple[int, ...] = (32, 64, 128, 192)
    dropout: float = 0.4
    tone: float = 0.2
    batch: int = 64
    steps: int = 1500
    peak: float = 2e-3
    seed: int = 7


@dataclass(frozen=True, slots=True)
class MatcherConfig:
    """The face matcher that comes with the package, distilled from a teacher."""

    name: str
    teacher: str
    kind: Literal["matcher"] = "matcher"
    data: tuple[str, ...] = ()
    validation: str = "celeba128-val.parquet"
    widths: tuple[int, ...] = (48, 64, 128, 192)
    blocks: tuple[int, ...] = (1, 2, 2, 1)
    mixing: float = 0.5  # share of each batch that is a blend of two faces; ours
    batch: int = 64
    steps: int = 5000
    peak: float = 2e-3
    seed: int = 3
