"""Papers' protocols by name. A new one is one line here."""

from __future__ import annotations

from collections.abc import Callable

from faceveil.evaluation.papers import gender_an, keras_pairs
from faceveil.evaluation.papers.subject import Subject
from faceveil.evaluation.recorder import Recorder

PAPERS: dict[str, Callable[[Recorder, Subject], None]] = {
    "keras-pairs": keras_pairs.measure,
    "gender-an": gender_an.measure,
}
"""Each adds its figures of one protector on one set to the record."""
