"""Protectors by name. A new system is one builder here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError
from faceveil.imaging.detect import CENTERFACE_SHA256
from faceveil.inference.card import WEIGHTS, card_beside
from faceveil.inference.device import Choice
from faceveil.own import PROTECTS, made
from faceveil.protect.base import CropProtector
from faceveil.systems.adaptive.protector import AdaptiveProtector
from faceveil.systems.editors.protector import HIDE, EditorProtector
from faceveil.systems.mixing.protector import MixingProtector
from faceveil.systems.noise.cw import CWProtector
from faceveil.systems.noise.pgd import PGDProtector
from faceveil.systems.obscure import BlackBox, Blur, Pixelate
from faceveil.systems.san.ensemble import EnsembleProtector
from faceveil.systems.san.flowsan import DEFAULT_STAGES, FlowSANProtector
from faceveil.systems.san.protector import SANProtector


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """Options of single methods; None where the user gave none.

    Attributes:
        stages: FlowSAN: how many stages; ensemble: how many of its SANs.
        combine: ensemble: ``avg`` or ``gibbs``.
        hide: what to hide, some of ``gender``, ``age``, ``race``; gender alone where None.
        seed: decides the draws of ``gibbs``.
    """

    stages: int | None = None
    combine: str | None = None
    hide: tuple[str, ...] | None = None
    seed: int = 0


Builder = Callable[[Path, Choice, MethodOptions], CropProtector]


def _adaptive(folder: Path, choice: Choice, _: MethodOptions) -> CropProtector:
    return AdaptiveProtector(folder / "adaptive.onnx", choice)


def _san(folder: Path, choice: Choice, _: MethodOptions) -> CropProtector:
    return SANProtector(folder / "san.onnx", choice)


def _ensemble(folder: Path, choice: Choice, options: MethodOptions) -> CropProtector:
    files = _series(folder, "ensemble", options.stages)
    return EnsembleProtector(files, options.combine or "avg", options.seed, choice)


def _flowsan(folder: Path, choice: Choice, options: MethodOptions) -> CropProtector:
    stages = DEFAULT_STAGES if options.stages is None else options.stages
    return FlowSANProtector(_series(folder, "flowsan", stages), choice)


def _editor(name: str) -> Builder:
    def build(folder: Path, choice: Choice, options: MethodOptions) -> CropProtector:
        return EditorProtector(folder / f"{name}.onnx", options.hide or ("gender",), choice)

    return build


def _pgd(folder: Path, choice: Choice, _: MethodOptions) -> CropProtector:
    return PGDProtector(_series(folder, "noise", None), choice=choice)


def _cw(folder: Path, choice: Choice, _: MethodOptions) -> CropProtector:
    return CWProtector(_series(folder, "noise", None), choice=choice)


def _mixing(folder: Path, choice: Choice, _: MethodOptions) -> CropProtector:
    return MixingProtector(folder / "landmarks.onnx", folder / "candidates.npz", choice=choice)


DEFAULT = "adaptive"
"""What ``default`` stands for."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What is known of a method before it is loaded.

    Attributes:
        build: makes it.
        made: its class, which knows its own target, and whether it asks for the gender; of the
            user's own the object.
        seconds: a face, on one core of a plain machine, rounded up; 0 where nobody knows.
        line: what it does, in one plain sentence or two, for whoever chooses one.
        takes: which of ``stages``, ``combine`` and ``hide``.
        weights: its files in the folder of weights, by pattern.
    """

    build: Builder
    made: type[CropProtector] | CropProtector
    seconds: float
    line: str
    takes: frozenset[str] = frozenset()
    weights: tuple[str, ...] = ()


SPECS: dict[str, Spec] = {
    "adaptive": Spec(
        _adaptive,
        AdaptiveProtector,
        0.06,
        "Changes brows, eyes, jaw and colours a little, whoever it is. The usual choice.",
        weights=("adaptive.onnx",),
    ),
    "san": Spec(
        _san,
        SANProtector,
        0.06,
        "Changes the shading of the face a little. The method that all this began with.",
        weights=("san.onnx",),
    ),
    "ensemble": Spec(
        _ensemble,
        EnsembleProtector,
        0.3,
        "Averages five such networks. Gentler than san at the same strength; slower.",
        frozenset({"stages", "combine"}),
        ("ensemble_*.onnx",),
    ),
    "flowsan": Spec(
        _flowsan,
        FlowSANProtector,
        0.15,
        "Three networks in sequence. Hides a bit less than san, keeps the person better.",
        frozenset({"stages"}),
        ("flowsan_*.onnx",),
    ),
    "gender-an": Spec(
        _editor("gender_an"),
        EditorProtector,
        0.1,
        "Redraws the face in colour with another gender; can also hide age.",
        frozenset({"hide"}),
        ("gender_an.onnx", "aux_*.onnx"),
    ),
    "privacynet": Spec(
        _editor("privacynet"),
        EditorProtector,
        0.2,
        "Redraws the face in colour; can also hide age and race.",
        frozenset({"hide"}),
        ("privacynet.onnx", "aux_*.onnx"),
    ),
    "mixing": Spec(
        _mixing,
        MixingProtector,
        0.06,
        "Blends the face with an average face of the other gender. Visible.",
        weights=("landmarks.onnx", "candidates.npz"),
    ),
    "pgd": Spec(
        _pgd,
        PGDProtector,
        2.0,
        "Adds fine noise that misleads a few known programs. Slow; other programs see through.",
        weights=("noise_*.onnx",),
    ),
    "cw": Spec(
        _cw,
        CWProtector,
        12.0,
        "Adds the least noise that misleads a few known programs. Takes minutes.",
        weights=("noise_*.onnx",),
    ),
    "blur": Spec(
        lambda *_: Blur(),
        Blur,
        0.01,
        "Blurs the face. The person is harder to recognise too.",
    ),
    "pixelate": Spec(
        lambda *_: Pixelate(),
        Pixelate,
        0.01,
        "Turns the face into coarse squares. The person is harder to recognise too.",
    ),
    "black-box": Spec(
        lambda *_: BlackBox(),
        BlackBox,
        0.01,
        "Covers the face; at full strength nothing of it is left.",
    ),
}
"""The methods, in the order in which they are offered: the usual choice first."""


_BUILT_IN = frozenset({*SPECS, "default", "original"})


def register_protector(name: str, thing: Any) -> None:
    """Let :func:`build_crop_protector` know a protector by name, in this process.

    Args:
        name: not one of FaceVeil's own; the user's own may be replaced.
        thing: a class, whose object is made at once and without arguments, or an object; it is
            shared by all who load it, and decides itself what it runs on.

    Raises:
        OptionError: if the name is taken, or something of a :class:`CropProtector` is missing.
        ModelError: if the class fails.
    """
    if name in _BUILT_IN or not name:
        raise OptionError(f"method {name!r}: the name is taken; expected another")
    own = made(thing, f"method {name}")
    missing = [what for what in PROTECTS if not hasattr(own, what)]
    if missing:
        raise OptionError(
            f"method {name}: {type(own).__name__} has no {', '.join(missing)}; expected what "
            "faceveil.protect.base.CropProtector has"
        )
    if own.channels not in (1, 3):
        raise OptionError(f"method {name}: channels is {own.channels!r}; expected 1 or 3")
    SPECS[name] = Spec(lambda *_: own, own, 0.0, "Your own.")


def list_protectors() -> list[str]:
    """Names that :func:`faceveil.load_protector` takes, beside ``default`` for the best of them."""
    return sorted(SPECS)


def spec_of(name: str) -> Spec:
    """What is known of a method.

    Args:
        name: one of :func:`list_protectors`, or ``default``; ``gender_an`` is ``gender-an``.

    Raises:
        OptionError: if there is no protector of that name.
    """
    known = DEFAULT if name == "default" else name
    if known not in SPECS:
        known = name.replace("_", "-")
    if known not in SPECS:
        names = ", ".join(["default", *list_protectors()])
        raise OptionError(f"method: got {name!r}; expected one of {names}")
    return SPECS[known]


def weights_of(name: str) -> dict[str, str]:
    """The sha256 of the files that decide a method's results: its own, and those that find faces.

    Args:
        name: as :func:`spec_of` takes it.

    Raises:
        OptionError: if there is no protector of that name.
        ModelError: if a card is damaged.
    """
    patterns = (*spec_of(name).weights, "gender_estimator.onnx")
    found = sorted({path for pattern in patterns for path in WEIGHTS.glob(pattern)})
    digests = {path.name: str(card_beside(path)["sha256"]) for path in found}
    return {**digests, "centerface.onnx": CENTERFACE_SHA256}  # who loads it holds it to that


def build_crop_protector(
    name: str,
    *,
    choice: Choice = Choice(),
    weights: Path | None = None,
    options: MethodOptions = MethodOptions(),
) -> CropProtector:
    """The crop protector of that name.

    Args:
        name: one of :func:`list_protectors`, or ``default``.
        choice: what the networks run on.
        weights: folder of models in place of the package's own.
        options: options of single methods.

    Raises:
        OptionError: if there is no protector of that name, or it does not take a given option.
        ModelError: if its weights are missing or damaged.
    """
    spec = spec_of(name)
    if options.hide is not None:
        unknown = [what for what in options.hide if what not in HIDE]
        if unknown or not options.hide:
            got = unknown[0] if unknown else "nothing"
            raise OptionError(f"hide: got {got!r}; expected some of {', '.join(HIDE)}")
    for option in ("stages", "combine", "hide"):
        given = getattr(options, option)
        if option == "hide" and given == ("gender",):
            continue  # what every method does
        if given is not None and option not in spec.takes:
            users = ", ".join(n for n in list_protectors() if option in SPECS[n].takes)
            raise OptionError(f"{option}: {name} does not take it; it is for {users}; leave it out")
    return spec.build(weights or WEIGHTS, choice, options)


def _series(folder: Path, name: str, count: int | None) -> list[Path]:
    """The first ``count`` files ``name_1.onnx`` ..., all of them where None."""
    most = 0
    while (folder / f"{name}_{most + 1}.onnx").is_file():
        most += 1
    wanted = max(most, 1) if count is None else count
    if wanted < 1 or wanted > max(most, 1):
        raise OptionError(f"stages: got {count}; expected 1 to {max(most, 1)} for {name}")
    return [folder / f"{name}_{i}.onnx" for i in range(1, wanted + 1)]
