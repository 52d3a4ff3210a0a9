"""Judges by name, wherever they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError
from faceveil.inference.card import verified_bytes
from faceveil.judges.base import GenderJudge, JudgeInfo, Matcher
from faceveil.judges.onnx_judge import OnnxGenderJudge, OnnxMatcher
from faceveil.judges.python_object import python_judge
from faceveil.judges.registry import BUNDLED, CARDS, bundled, load_card, shared_judges
from faceveil.own import can, made, user_object

OWN: dict[str, GenderJudge | Matcher] = {}
"""The user's, by name."""

FORMS = (
    "dlib, deepface, deepface:MODEL, insightface:PACK, insightface:PACK:gender, "
    "facenet:WEIGHTS, transformers:FOLDER, module:function"
)


def load_judge(spec: str, models: Path | None = None, threads: int = 0) -> GenderJudge | Matcher:
    """One judge.

    Args:
        spec: one of :data:`BUNDLED` (the package's own); the name of a public model
            whose ONNX file lies in ``models``, or the stem of any ONNX file there with its card
            beside it; ``dlib`` or ``dlib:FILE``; ``deepface`` or ``deepface:MODEL``;
            ``insightface:PACK`` or ``insightface:FILE.onnx``, with ``:gender`` after it for the
            pack's gender model; ``facenet`` or ``facenet:WEIGHTS``; ``transformers:FOLDER``; a name
            that :func:`register_judge` got; or Python code of the user, ``module:name``, looked for
            in the current folder too: a function of crops, or a class or object with ``p_male`` or
            ``embed``.
        models: folder of ONNX files.
        threads: threads inside one operator of an ONNX model; 0 takes all cores.

    Raises:
        OptionError: if there is no such judge, or what it needs is not installed.
        ModelError: if its file is damaged, or the user's code fails.
    """
    name, colon, option = spec.partition(":")
    library = _LIBRARIES.get(name)
    if library is not None:
        return library(option)
    if spec in OWN:
        return OWN[spec]
    if colon:
        return own_judge(user_function(spec), spec)
    if spec in BUNDLED:
        own = bundled(threads)
        judges: list[GenderJudge | Matcher] = [*own.gender, *own.matchers]
        return next(judge for judge in judges if judge.info.name == spec)
    public = _public()
    if models is not None and (models / f"{spec}.onnx").is_file():
        if spec in public:
            found = shared_judges(models, threads, [spec])
            return found.gender[0] if found.gender else found.matchers[0]
        if (models / f"{spec}.json").is_file():
            return _beside(models, spec, threads)
    there = sorted(p.stem for p in models.glob("*.onnx")) if models is not None else []
    files = f"those in {models}: {', '.join(there) or 'none'}"
    raise OptionError(
        f"judge: got {spec!r}; expected {', '.join([*BUNDLED, *OWN])}, {FORMS}, or an ONNX file "
        f"with a card ({files if models is not None else 'give a folder of models'}; faceveil has "
        f"cards for {', '.join(sorted(public))})"
    )


def own_judge(thing: Any, name: str) -> GenderJudge | Matcher:
    """The user's judge, whose answers are checked.

    Args:
        thing: a class or object with ``p_male`` or ``embed``, or a function as in
            :func:`faceveil.judges.python_object.python_judge`.
        name: of the judge, where it has no ``info``.

    Raises:
        ModelError: if it cannot be made, fails at two crops of noise, or answers something else.
    """
    if not can(thing, "p_male", "embed"):
        return python_judge(thing, name)
    judge = made(thing, name)
    info = getattr(judge, "info", None)
    if not isinstance(info, JudgeInfo | None):
        raise OptionError(f"judge {name}: info is {info!r}; expected a JudgeInfo; or leave it out")
    if can(judge, "p_male"):
        return python_judge(judge.p_male, name, "gender", info)
    return python_judge(judge.embed, name, "embedding", info)


def register_judge(name: str, thing: Any) -> None:
    """Let :func:`load_judge` know a judge by name, in this process.

    Raises:
        OptionError: if the name is that of another judge, or has a colon.
        ModelError: see :func:`own_judge`.
    """
    if ":" in name or name in {*BUNDLED, *_LIBRARIES, *_public()}:
        raise OptionError(f"judge {name}: the name is taken; expected another, without a colon")
    OWN[name] = own_judge(thing, name)


def _public() -> set[str]:
    """Names of the public models that FaceVeil has cards for."""
    return {load_card(p).info.name for p in CARDS.glob("*.json")}


def load_judges(
    specs: Sequence[str], models: Path | None = None, threads: int = 0
) -> tuple[tuple[GenderJudge, ...], tuple[Matcher, ...]]:
    """Gender judges and matchers of the given names, in their order; see :func:`load_judge`.

    Raises:
        OptionError: if two have the same name: their figures could not be told apart.
    """
    judges = [load_judge(spec, models, threads) for spec in specs]
    names = [judge.info.name for judge in judges]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OptionError(f"judges: {', '.join(twice)} given twice; expected each once; drop one")
    gender = tuple(j for j in judges if isinstance(j, GenderJudge))
    return gender, tuple(j for j in judges if isinstance(j, Matcher))


def _beside(models: Path, stem: str, threads: int) -> GenderJudge | Matcher:
    """The user's own model, by the card beside it."""
    card = load_card(models / f"{stem}.json")
    if card.role == "auxiliary":
        raise OptionError(
            f"judge {stem}: its card says auxiliary, which training may use; expected a judge"
        )
    if card.sha256 is None:  # so that kept answers know which weights gave them
        digest = hashlib.sha256(verified_bytes(models / card.model, None)).hexdigest()
        card = replace(card, sha256=digest)
    kind = OnnxGenderJudge if card.task == "gender" else OnnxMatcher
    return kind(card, models, threads=threads)


def user_function(spec: str) -> Callable[..., Any]:
    """The user's Python callable ``module:function``, looked for in the current folder too.

    Raises:
        OptionError: if there is none of that name.
        ModelError: if its module fails.
    """
    expected = f"module:function on Python's path or here, or one of {FORMS}"
    function = user_object(spec, "judge", expected)
    if not callable(function):
        raise OptionError(
            f"judge {spec}: got a {type(function).__name__}; expected a function, or a class or "
            "object with p_male or embed"
        )
    return function  # type: ignore[no-any-return]


def _dlib(option: str) -> Matcher:
    from faceveil.judges.dlib_matcher import DlibMatcher

    return DlibMatcher(Path(option) if option else None)


def _deepface(option: str) -> GenderJudge | Matcher:
    from faceveil.judges.deepface import DeepFaceGender, DeepFaceMatcher

    return DeepFaceMatcher(option) if option else DeepFaceGender()


def _insightface(option: str) -> GenderJudge | Matcher:
    from faceveil.judges.insightface import InsightFaceGender, InsightFaceMatcher

    if option.endswith(":gender"):
        return InsightFaceGender(option.removesuffix(":gender"))
    return InsightFaceMatcher(option)


def _facenet(option: str) -> Matcher:
    from faceveil.judges.facenet import FaceNetMatcher

    return FaceNetMatcher(option or "vggface2")


def _transformers(option: str) -> GenderJudge:
    from faceveil.judges.transformers import TransformersGender

    return TransformersGender(option)


_LIBRARIES: dict[str, Callable[[str], GenderJudge | Matcher]] = {
    "dlib": _dlib,
    "deepface": _deepface,
    "insightface": _insightface,
    "facenet": _facenet,
    "transformers": _transformers,
}
