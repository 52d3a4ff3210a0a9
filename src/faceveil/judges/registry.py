"""The judges at hand: those that come with the package, and those in a folder of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from faceveil.errors import ModelError
from faceveil.inference.card import WEIGHTS, read_card
from faceveil.judges.card import JudgeCard
from faceveil.judges.onnx_judge import OnnxGenderJudge, OnnxMatcher

CARDS = Path(str(resources.files("faceveil"))) / "judges" / "cards"
"""Cards of public models that FaceVeil does not ship."""

BUNDLED = ("judge_gender", "judge_gender_wide", "judge_gender_light", "judge_matcher")
"""Judges that come with the package; no training and no protector uses any of them."""


@dataclass(frozen=True, slots=True)
class JudgeSet:
    """Judges to look with.

    Attributes:
        gender: gender judges, by name.
        matchers: face matchers, by name.
    """

    gender: tuple[OnnxGenderJudge, ...]
    matchers: tuple[OnnxMatcher, ...]


def load_card(path: Path) -> JudgeCard:
    """A judge's card from its file.

    Raises:
        ModelError: if the file is missing or no valid card.
    """
    return JudgeCard.from_json(read_card(path))


def bundled(threads: int = 0, weights: Path | None = None) -> JudgeSet:
    """The gender judges and the matcher that come with the package.

    Args:
        threads: threads inside one operator; 0 takes all cores.
        weights: folder of models in place of the package's own.

    Raises:
        ModelError: if a file is missing, damaged, or not what its card says.
    """
    folder = weights or WEIGHTS
    return _load([load_card(folder / f"{name}.json") for name in BUNDLED], folder, threads)


def bundled_matcher(threads: int = 0) -> OnnxMatcher:
    """The matcher alone that comes with the package.

    Raises:
        ModelError: if a file is missing, damaged, or not what its card says.
    """
    return _load([load_card(WEIGHTS / "judge_matcher.json")], WEIGHTS, threads).matchers[0]


def shared_judges(
    models_dir: Path, threads: int = 0, names: Sequence[str] | None = None
) -> JudgeSet:
    """The judges whose ONNX files lie in a folder, by FaceVeil's cards of public models.

    Auxiliary networks, which training may use, are never among them.

    Args:
        models_dir: folder of ONNX files; those without a card, and cards without a file, are left
            out.
        threads: threads inside one operator; 0 takes all cores.
        names: only these judges; all must be there.

    Raises:
        ModelError: if a named judge, or every judge, is missing, or a file is damaged.
    """
    cards = {card.info.name: card for card in map(load_card, sorted(CARDS.glob("*.json")))}
    found = {
        name: card
        for name, card in cards.items()
        if card.role != "auxiliary" and (models_dir / card.model).is_file()
    }
    wanted = list(found) if names is None else list(names)
    missing = [name for name in wanted if name not in found]
    if missing or not wanted:
        raise ModelError(
            f"{models_dir}: no judge {', '.join(missing) or 'at all'}; found "
            f"{', '.join(found) or 'none'}; expected ONNX files with a card in faceveil"
        )
    return _load([found[name] for name in wanted], models_dir, threads)


def _load(cards: Sequence[JudgeCard], folder: Path, threads: int) -> JudgeSet:
    return JudgeSet(
        tuple(OnnxGenderJudge(c, folder, threads=threads) for c in cards if c.role == "gender"),
        tuple(OnnxMatcher(c, folder, threads=threads) for c in cards if c.role == "matcher"),
    )
