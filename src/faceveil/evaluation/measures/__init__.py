"""What an evaluation measures of a case, by name. A new measure is one line here.

Each is a function of a case and a record that its figures go into. What cannot be measured leaves a
gap that says why, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from faceveil.errors import OptionError
from faceveil.evaluation.case import Case
from faceveil.evaluation.measures.adversaries import Adversary, attack, averaging, flip, recovery
from faceveil.evaluation.measures.gender_an import gender_an
from faceveil.evaluation.measures.judges import ZERO, matching, reading
from faceveil.evaluation.measures.keras_pairs import keras_pairs
from faceveil.evaluation.measures.learners import retrained, similarity
from faceveil.evaluation.measures.networks import THREE, retrained_cnns
from faceveil.evaluation.measures.quality import pictures
from faceveil.evaluation.measures.reversal import reversal
from faceveil.evaluation.rows import Recorder
from faceveil.own import user_object

Measure = Callable[[Case, Recorder], None]

_ADVERSARIES: dict[str, Adversary] = {
    "flip": flip,
    "averaging": averaging,
    "recovery": recovery,
    "similarity": similarity,
    "retrained-embeddings": retrained,
    "retrained-cnn": retrained_cnns,
    "retrained-cnns": partial(retrained_cnns, architectures=THREE),
    "reversal": reversal,
}

ALWAYS: dict[str, Measure] = {"pictures": pictures, ZERO: reading, "matching": matching}
"""Part of every evaluation."""

PAPERS: dict[str, Measure] = {"keras-pairs": keras_pairs, "gender-an": gender_an}
"""Protocols of single papers that the common figures do not cover."""

ADVERSARIES: dict[str, Measure] = {
    ZERO: reading,
    **{name: partial(attack, name, adversary) for name, adversary in _ADVERSARIES.items()},
}
"""Who tries to read the gender, from weak to strong."""

MEASURES: dict[str, Measure] = {**ALWAYS, **PAPERS, **ADVERSARIES}

NEED_OWN_FACES = frozenset(
    {
        "similarity",
        "retrained-embeddings",
        "retrained-cnn",
        "retrained-cnns",
        "reversal",
        "gender-an",
    }
)
"""These learn from labelled faces of people in none of the sets."""


def measure_of(name: str) -> Measure:
    """A measure by name; ``module:function`` is the user's own adversary.

    Raises:
        OptionError: if there is none.
        ModelError: if the user's module fails.
    """
    if ":" not in name:
        return MEASURES[name]
    found = user_object(name, "adversary", "module:function of a case on Python's path or here")
    if not callable(found):
        raise OptionError(
            f"adversary {name}: got a {type(found).__name__}; expected a function of a case"
        )
    return partial(attack, name, found)


def measure(case: Case, wanted: Iterable[str]) -> Recorder:
    """The figures and curves of a case.

    Args:
        case: what is measured.
        wanted: names as :func:`measure_of` takes them, beside those that are always measured.
    """
    record = case.record()
    for name in dict.fromkeys([*ALWAYS, *wanted]):
        work = partial(measure_of(name), case, record)
        record.guarded("paper" if name in PAPERS else "quality", name, "", work, "figures")
    return record
