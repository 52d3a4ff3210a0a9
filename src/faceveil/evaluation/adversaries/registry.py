"""Adversaries by name, from weak to strong. A new one is one line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.attacker_networks import THREE
from faceveil.evaluation.adversaries.averaging import Averaging
from faceveil.evaluation.adversaries.base import Adversary
from faceveil.evaluation.adversaries.flip import Flip
from faceveil.evaluation.adversaries.recovery import Recovery
from faceveil.evaluation.adversaries.retrained import Retrained
from faceveil.evaluation.adversaries.retrained_cnn import RetrainedCNN
from faceveil.evaluation.adversaries.reversal import Reversal
from faceveil.evaluation.adversaries.similarity import Similarity
from faceveil.evaluation.adversaries.zero_effort import ZeroEffort

ADVERSARIES: dict[str, Callable[[], Adversary]] = {
    "zero-effort": ZeroEffort,
    "flip": Flip,
    "averaging": Averaging,
    "recovery": Recovery,
    "similarity": Similarity,
    "retrained-embeddings": Retrained,
    "retrained-cnn": RetrainedCNN,
    "retrained-cnns": partial(RetrainedCNN, THREE, name="retrained-cnns"),
    "reversal": Reversal,
}


def list_adversaries() -> tuple[str, ...]:
    """The names, from weak to strong."""
    return tuple(ADVERSARIES)


def build_adversary(name: str) -> Adversary:
    """The adversary of that name, with its default settings.

    Raises:
        OptionError: if there is none.
    """
    if name not in ADVERSARIES:
        raise OptionError(f"adversary: got {name!r}; expected one of {', '.join(ADVERSARIES)}")
    return ADVERSARIES[name]()
