"""Recipes: one frozen dataclass per system, loaded from TOML, every value with its source."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from faceveil.errors import OptionError


@dataclass(frozen=True, slots=True)
class GenderConfig:
    """A gender classifier: SAN's auxiliary one, or the judge that comes with the package."""

    name: str
    kind: Literal["gender"] = "gender"
    data: tuple[str, ...] = ()
    validation: str = "celeba128-val.parquet"
    network: Literal["paper", "official", "keras", "resnet"] = "paper"
    norm: bool = True  # batch normalisation; ours, none of the three has it
    widths: tuple[int, ...] = (32, 64, 128, 128, 256, 256)  # SAN Fig. 4 ends in 256; rest ours
    frame: int = 128  # pixels; the paper's is 224, see design: a third of the arithmetic
    grey: bool = True  # SAN works on luma
    hidden: int = 256  # ours; the paper does not print it
    dropout: float = 0.5  # SAN 2.2.3
    degrees: float = 12.0  # rotation of the random views; ours
    scale: float = 0.15  # log-scale of the random views; ours
    shift: float = 0.06  # shift of the random views, of the side; ours
    blur: float = 0.3  # ours
    tone: float = 0.3  # ours
    label_smoothing: float = 0.02  # ours: keeps the logits of the auxiliary network moderate
    batch: int = 64
    steps: int = 1500
    peak: float = 2e-3  # AdamW, one cycle; research 7
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


@dataclass(frozen=True, slots=True)
class SANConfig:
    """The semi-adversarial autoencoder."""

    name: str
    matcher: str
    classifiers: tuple[str, ...]
    kind: Literal["san"] = "san"
    data: tuple[str, ...] = ()
    validation: str = "celeba128-val.parquet"
    matcher_range: tuple[float, ...] = (0.0, 255.0)  # what an ONNX matcher takes for black, white
    frame: int = 128  # the paper's is 224
    prototype_channels: int = 3  # RGB prototypes as in the paper; 1 for grey ones
    prototype_scale: float = 1.0  # of the combiner's prototype weights; see networks/san.py
    combiner_kernel: int = 1  # the authors' code
    pretrain_loss: Literal["bce_sum", "bce_mean", "l1", "marino2019"] = (
        "bce_mean"  # eq. (2), scaled by 1/pixels
    )
    pretrain_steps: int = 1500
    pretrain_peak: float = 3e-3  # ours; the authors' code keeps one rate
    dissimilarity: Literal["bce_sum", "bce_mean", "l1"] = "l1"  # the authors' code keeps L1
    lambda_d: float = 1.0
    lambda_d_opposite: float = 0.0  # L1 on the opposite output too; ours
    lambda_g: float = 1.0
    lambda_m: float = 8.0  # the authors' code
    match_on: Literal["sm", "op", "mean"] = "mean"  # the authors' code; FlowSAN eq. (4): op
    views: bool = True  # random views of the outputs before the classifiers; ours
    same_share: float = 1.0  # share of a batch whose SM outputs the classifiers read; below 1: ours
    match_share: float = 1.0  # share of a batch that the matcher reads; below 1: ours, for speed
    match_views: bool = False  # small random views before the matcher, alike for both; ours
    match_scale: float = 0.08  # log-scale of those views; ours
    match_blur: float = 0.3  # their chance of a blur; ours
    start: str = ""  # run whose SAN this one starts from, in place of pre-training
    after: tuple[str, ...] = ()  # FlowSAN: runs of SAN_1 .. SAN_{i-1}, which transform the data
    dissimilarity_to: Literal["original", "input", "none"] = "original"  # FlowSAN 3.2, scheme 3
    anchored: bool = False  # the change counts from the pre-trained autoencoder's output; ours
    network_smoothing: float = 0.0  # sigma of the change inside the network, px of 224; ours
    crop: int = 0  # random shift of image and prototypes together, pixels of the frame
    landmarks: float = 0.5  # share of a batch whose prototypes are warped to jittered landmarks
    smoothing: float = 1.6  # sigma of the shipped change, px of 224; ours, chosen on celeba128-val
    gain: float = 1.0  # factor of the shipped change after smoothing; ours, chosen likewise
    batch: int = 24
    steps: int = 2500
    peak: float = 2e-3
    seed: int = 2


Config = GenderConfig | RaceConfig | MatcherConfig | LandmarkConfig | CandidateConfig | SANConfig
_KINDS: dict[str, type[Config]] = {
    "gender": GenderConfig,
    "race": RaceConfig,
    "matcher": MatcherConfig,
    "landmarks": LandmarkConfig,
    "candidates": CandidateConfig,
    "san": SANConfig,
}


def load_config(path: Path) -> Config:
    """Read a recipe.

    A recipe may name a ``base``, another recipe (relative to its own folder) whose values hold
    where it does not give its own.

    Args:
        path: a TOML file whose ``kind`` is ``gender``, ``race``, ``matcher``, ``landmarks``,
            ``candidates`` or ``san``.

    Raises:
        OptionError: if the file is missing, is no TOML, or has an unknown or ill-typed key.
    """
    values = _read(path, depth=0)
    kind = values.get("kind")
    if kind not in _KINDS:
        raise OptionError(f"{path}: kind is {kind!r}; expected one of {', '.join(_KINDS)}")
    cls = _KINDS[kind]
    known = {f.name for f in fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise OptionError(
            f"{path}: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}"
        )
    frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return cls(**frozen)
    except TypeError as error:
        raise OptionError(f"{path}: {error}; see the recipes folder for examples") from error


def dump_config(config: Config) -> str:
    """A recipe as TOML with every value, defaults and those of its base included."""

    def text(value: Any) -> str:
        if isinstance(value, tuple):
            return f"[{', '.join(map(text, value))}]"
        # JSON's strings, numbers and booleans are TOML's.
        return json.dumps(value, ensure_ascii=False)

    return "".join(f"{f.name} = {text(getattr(config, f.name))}\n" for f in fields(config))


def _read(path: Path, depth: int) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file; expected a recipe in TOML") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise OptionError(f"{path}: cannot be read ({error}); expected a recipe in TOML") from error
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str) or depth > 4:
        raise OptionError(f"{path}: base is {base!r}; expected the path of a recipe, not a circle")
    return _read(path.parent / base, depth + 1) | values
