"""Judges by name, wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faceveil.errors import OptionError
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.registry import CARDS, bundled, load_card, shared_judges

BUNDLED = ("judge_gender", "judge_matcher")


def load_judge(spec: str, models: Path | None = None, threads: int = 0) -> GenderJudge | Matcher:
    """One judge.

    Args:
        spec: ``judge_gender`` or ``judge_matcher`` (the package's own), the name of a public model
            whose ONNX file lies in ``models``, ``dlib``, ``deepface``, ``deepface:MODEL``,
            ``insightface:FILE.onnx``, ``facenet:WEIGHTS``, ``transformers:FOLDER``, or a Python
            callable ``module:function``.
        models: folder of ONNX files.
        threads: threads inside one operator; 0 takes all cores.

    Raises:
        OptionError: if there is no such judge, or what it needs is not installed.
        ModelError: if its file is damaged.
    """
    library = _library_judge(*spec.partition(":")[::2])
    if library is not None:
        return library
    if ":" in spec:
        from faceveil.judges.python_object import python_judge

        return python_judge(spec)
    if spec in BUNDLED:
        own = bundled(threads)
        return own.gender[0] if spec == "judge_gender" else own.matchers[0]
    if models is None or not (models / f"{spec}.onnx").is_file():
        known = sorted({load_card(p).info.name for p in CARDS.glob("*.json")})
        raise OptionError(
            f"judge: got {spec!r}; expected {', '.join(BUNDLED)}, dlib, deepface, module:function, "
            f"or one of {', '.join(known)} with its file in {models or 'a folder of models'}"
        )
    found = shared_judges(models, threads, [spec])
    return found.gender[0] if found.gender else found.matchers[0]


def load_judges(
    specs: Sequence[str], models: Path | None = None, threads: int = 0
) -> tuple[tuple[GenderJudge, ...], tuple[Matcher, ...]]:
    """Gender judges and matchers of the given names, in their order; see :func:`load_judge`."""
    judges = [load_judge(spec, models, threads) for spec in specs]
    gender = tuple(j for j in judges if isinstance(j, GenderJudge))
    return gender, tuple(j for j in judges if isinstance(j, Matcher))


def _library_judge(name: str, option: str) -> GenderJudge | Matcher | None:
    """A judge from a library that the user has, or None where the name is none of them."""
    if name == "dlib":
        from faceveil.judges.dlib_matcher import DlibMatcher

        return DlibMatcher(Path(option) if option else None)
    if name == "deepface":
        from faceveil.judges.deepface import DeepFaceGender, DeepFaceMatcher

        return DeepFaceMatcher(option) if option else DeepFaceGender()
    if name == "insightface":
        from faceveil.judges.insightface import InsightFaceMatcher

        return InsightFaceMatcher(Path(option))
    if name == "facenet":
        from faceveil.judges.facenet import FaceNetMatcher

        return FaceNetMatcher(option or "vggface2")
    if name == "transformers":
        from faceveil.judges.transformers import TransformersGender

        return TransformersGender(Path(option))
    return None
