"""The JSON card that says how an ONNX judge wants its input and what its output means.

Native form (defaults in brackets)::

    {"name": ..., "task": "gender" | "embedding", "role": "gender" | "matcher" | "auxiliary",
     "model": "file.onnx", "sha256": "..." [none],
     "source": ..., "licence": ..., "training_data": ...,
     "input": {"size": 112, "layout": "NCHW" | "NHWC", "channels": "rgb" | "bgr" | "gray",
               "scale": 1.0, "shift": 0.0 | [0.0, 0.0, 0.0], "stretch": false},
     "crop": {"frame": "canonical" | "arcface" | "dlib", "zoom": 1.0, "padding": 0.0},
     "photo": {"margin": 0.2} [none],
     "output": {"tensor": "" (the first), "read": "column" | "softmax" | "ratio",
                "male": 1, "female": 0},
     "metric": "cosine" | "euclidean",
     "threshold": {"fmr": 0.001, "cosine": 0.4}, "threshold_at_1e-2": 0.3}

The input is ``pixel * scale + shift`` with pixels in 0 to 255, after a per-image stretch of the
whole crop to 0 to 255 where ``stretch`` is true; a ``shift`` of three numbers is one a channel, in
the order of ``channels``. Gender is read as ``column`` (output ``male``,
clipped to [0, 1]), ``softmax`` over the two logits, or ``ratio`` male / (male + female). Where
whole photos are at hand, ``photo`` asks for an upright square about the detected box in place of
``crop``, with a margin on each side in units of the box's longer side
(:mod:`faceveil.judges.boxed`). Cards that :mod:`faceveil.training.publish` writes beside shipped
weights are understood too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Literal, TypeVar

from faceveil.errors import ModelError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.published import native_form

_TYPES: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "str": str}
_MOST = 8192
_SHA256 = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")
Role = Literal["gender", "matcher", "auxiliary"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the network takes: side in pixels, axis order, channels, pixel * scale + shift.

    Attributes:
        shift: one number, or one for each of three channels in the network's own order.
    """

    size: int
    layout: str = "NCHW"
    channels: str = "rgb"
    scale: float = 1.0
    shift: float | tuple[float, ...] = 0.0
    stretch: bool = False


@dataclass(frozen=True, slots=True)
class CropSpec:
    """Which part of the canonical frame it takes; see :func:`faceveil.judges.crop.crop_matrix`."""

    frame: str = "arcface"
    zoom: float = 1.0
    padding: float = 0.0


@dataclass(frozen=True, slots=True)
class PhotoSpec:
    """What a gender judge takes of a photo: the square about the detected box, with a margin."""

    margin: float


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """Where P(male) or the embedding is: tensor (the first where empty), rule and columns."""

    tensor: str = ""
    read: str = "column"
    male: int = 1
    female: int = 0


@dataclass(frozen=True, slots=True)
class JudgeCard:
    """Everything that :mod:`faceveil.judges.onnx_judge` needs to know; see the module's docstring.

    Attributes:
        thresholds: cosine similarity thresholds by false match rate, of matchers; may be empty.
        metric: the matcher's native metric; embeddings are compared by cosine here all the same.
        photo: what it takes of a photo, or None where that is ``crop`` too.
    """

    info: JudgeInfo
    task: str
    role: Role
    model: str
    sha256: str | None
    input: InputSpec
    crop: CropSpec
    output: OutputSpec
    metric: str = "cosine"
    thresholds: Mapping[float, float] = field(default_factory=dict)
    photo: PhotoSpec | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> JudgeCard:
        """Read a card.

        Args:
            data: the parsed JSON, in the native or the published form.

        Raises:
            ModelError: if a field is missing, unknown, or has a value that no judge can have.
        """
        name = str(data.get("name", "card without a name"))
        try:
            full = dict(data) if "task" in data else native_form(data)
            given = full.get("photo")
            card = cls(
                info=JudgeInfo(
                    name=str(full["name"]),
                    source=str(full["source"]),
                    licence=str(full["licence"]),
                    training_data=str(full["training_data"]),
                ),
                task=str(full["task"]),
                role=full.get("role", "gender" if full["task"] == "gender" else "matcher"),
                model=str(full.get("model", f"{name}.onnx")),
                sha256=full.get("sha256"),
                input=_input(full["input"]),
                crop=_spec(CropSpec, full["crop"], "crop"),
                output=_spec(OutputSpec, full.get("output", {}), "output"),
                metric=str(full.get("metric", "cosine")),
                thresholds=_thresholds(full),
                photo=None if given is None else _spec(PhotoSpec, given, "photo"),
            )
        except KeyError as error:
            raise ModelError(f"card {name}: no field {error}; add it to the card") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"card {name}: {error}; correct the card") from error
        _check(card)
        return card


def _input(given: Any) -> InputSpec:
    spec = _spec(InputSpec, given, "input")
    shift: Any = spec.shift
    each = shift if isinstance(shift, list) else [shift]
    for value in each:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"input.shift is {_shortened(shift)}; expected numbers")
        if not math.isfinite(value):
            raise ValueError(f"input.shift is {_shortened(shift)}; expected finite numbers")
    if not isinstance(shift, list):
        return spec
    if len(shift) != 3 or spec.channels == "gray":
        raise ValueError(
            f"input.shift has {len(shift)} numbers for {spec.channels}; expected one, or three "
            "for rgb or bgr"
        )
    return replace(spec, shift=(float(shift[0]), float(shift[1]), float(shift[2])))


def _spec(kind: type[T], given: Any, where: str) -> T:
    """A part of a card, each of its values of the type that it has to be.

    Raises:
        TypeError: if it is none, or a value is of another type.
        ValueError: if a number is not finite.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{where} is {_shortened(given)}; expected an object")
    for name, value in given.items():
        wanted = _TYPES.get(str(kind.__annotations__.get(name)), ())
        of_type = isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
        if wanted and not of_type:
            expected = kind.__annotations__[name]
            raise TypeError(f"{where}.{name} is {_shortened(value)}; expected {expected}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{where}.{name} is {value}; expected a finite number")
    return kind(**given)


def _shortened(value: Any) -> str:
    return repr(value)[:60]


def _check(card: JudgeCard) -> None:
    choices = [
        ("task", card.task, ("gender", "embedding")),
        ("role", card.role, ("gender", "matcher", "auxiliary")),
        ("input.layout", card.input.layout, ("NCHW", "NHWC")),
        ("input.channels", card.input.channels, ("rgb", "bgr", "gray")),
        ("crop.frame", card.crop.frame, ("canonical", "arcface", "dlib")),
        ("output.read", card.output.read, ("column", "softmax", "ratio")),
        ("metric", card.metric, ("cosine", "euclidean")),
    ]
    for where, value, allowed in choices:
        if value not in allowed:
            raise ModelError(
                f"card {card.info.name}: {where} is {value!r}; expected {', '.join(allowed)}"
            )
    if card.photo is not None and not (card.task == "gender" and card.photo.margin >= 0):
        raise ModelError(f"card {card.info.name}: photo is for gender, with a margin from 0")
    ranges: list[tuple[str, float, float, float]] = [
        ("input.size", card.input.size, 1, _MOST),
        ("crop.zoom", card.crop.zoom, 1 / _MOST, _MOST),
        ("crop.padding", card.crop.padding, 0, _MOST),
        ("output.male", card.output.male, 0, _MOST),
        ("output.female", card.output.female, 0, _MOST),
        *(("photo.margin", p.margin, 0, _MOST) for p in (card.photo,) if p is not None),
        *(("a threshold's false match rate", f, 0, 1) for f in card.thresholds),
        *(("a threshold", t, -1, 1) for t in card.thresholds.values()),
    ]
    wrong: list[tuple[str, object, str]] = [
        (where, number, f"{low:g} to {high:g}")
        for where, number, low, high in ranges
        if not low <= number <= high  # also where it is NaN
    ]
    if card.sha256 is not None and not _SHA256.fullmatch(str(card.sha256)):
        wrong.append(("sha256", card.sha256, "64 hexadecimal digits"))
    if card.model != PurePath(card.model).name or "\0" in card.model or not card.model:
        wrong.append(("model", card.model, "a file's name"))
    for where, given, expected in wrong:
        raise ModelError(
            f"card {card.info.name}: {where} is {_shortened(given)}; expected {expected}"
        )


def _thresholds(full: Mapping[str, Any]) -> dict[float, float]:
    found = {float(f): float(t) for f, t in full.get("thresholds", {}).items()}
    for key, rate in (("threshold", 1e-3), ("threshold_at_1e-2", 1e-2)):
        value = full.get(key)
        if isinstance(value, Mapping):
            found[float(value["fmr"])] = float(value["cosine"])
        elif value is not None:
            found[rate] = float(value)
    return found
