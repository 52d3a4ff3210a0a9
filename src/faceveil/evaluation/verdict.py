"""What readings of gender judges mean: whether a gender can still be read, and how to say it.

The judges are asked about the same face before and after. What most of them read before is what
the face showed; the verdict is that of the worst judge, the one that still reads most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

UNDECIDED = (0.42, 0.58)
"""P(male) within which a gender judge counts as undecided, both ends included.

Calibrated on ``celeba128-val``: the widest band, in steps of 0.02 a side, at which three readers
set apart, on average, still read the gender in at most 15 % of the faces that are said to have
worked (default, ``--target neutral``); see ``benchmarks/contradiction.py``.
"""

Outcome = Literal["unclear", "other", "as_drawn", "read", "undecided_before", "unchanged"]
"""What became of a face; see :func:`outcome`."""

WORKED: frozenset[Outcome] = frozenset({"unclear", "other", "as_drawn"})
"""Outcomes that count as success."""

_LABELS: dict[Outcome, str] = {
    "unclear": "worked",
    "other": "reads as the other gender",
    "as_drawn": "as your key drew",
    "read": "still read",
    "undecided_before": "undecided before",
    "unchanged": "did not change",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class GenderReading:
    """What one gender judge says: P(male) in [0, 1] of the original and the protected face."""

    judge: str
    before: float
    after: float


def side(p_male: float) -> int:
    """What a judge decides: 1 male, -1 female, 0 undecided.

    Args:
        p_male: P(male) in [0, 1].
    """
    return (p_male > UNDECIDED[1]) - (p_male < UNDECIDED[0])


def shown_before(readings: Sequence[GenderReading]) -> int:
    """What more than half of the judges read in the original: 1 male, -1 female, else 0."""
    votes = [side(r.before) for r in readings]
    return next((g for g in (1, -1) if 2 * votes.count(g) > len(votes)), 0)


def outcome(
    readings: Sequence[GenderReading], *, changed: bool, drawn: float | None = None
) -> Outcome:
    """What became of a face, by its worst judge.

    It compares with what the judges read in the original, whether that was right or not; and it
    says nothing about an attacker who retrains or turns decisions round.

    Args:
        readings: one per gender judge, at least one.
        changed: whether the face was changed at all.
        drawn: what a key drew for it, 1 male, 0 female; None where nothing was drawn.

    Returns:
        ``unchanged``; ``as_drawn`` where most judges read what was drawn and none the contrary;
        ``undecided_before`` where no gender had most judges' votes in the original; ``read`` where
        any judge still reads that gender; ``other`` where none does and most read the other one;
        else ``unclear``.
    """
    if not changed:
        return "unchanged"
    votes = [side(r.after) for r in readings]
    if drawn is not None and _all_but_undecided(votes, 1 if drawn > 0.5 else -1):
        return "as_drawn"
    before = shown_before(readings)
    if before == 0:
        return "undecided_before"
    if before in votes:
        return "read"
    return "other" if _all_but_undecided(votes, -before) else "unclear"


def worst(readings: Sequence[GenderReading]) -> GenderReading:
    """The reading that still says most of what the face showed before."""
    before = shown_before(readings)
    return max(readings, key=lambda r: before * r.after if before else abs(r.after - 0.5))


def label(found: Outcome, match: bool) -> str:
    """The verdict in a word or two.

    Args:
        found: what became of the gender.
        match: whether the matcher still accepts the pair.
    """
    return _LABELS[found] if match or found not in WORKED else "no longer the same person"


def asked(count: int) -> str:
    """Who was asked, and that this is not everybody: ``three readers; others may differ``."""
    return f"{_number(count)} reader{'' if count == 1 else 's'}; others may differ"


def verdict(
    readings: Sequence[GenderReading], found: Outcome, similarity: float, threshold: float
) -> str:
    """One plain sentence on gender and one on identity, joined.

    Args:
        readings: one per gender judge, at least one.
        found: what became of the gender.
        similarity: cosine similarity of the original and the protected face.
        threshold: similarity from which the matcher accepts.
    """
    if similarity >= threshold:
        identity = f"the matcher still accepts the pair ({similarity:.2f} >= {threshold:.2f})"
    else:
        identity = f"the face no longer matches its original ({similarity:.2f} < {threshold:.2f})"
    return f"{_gender(readings, found)}; {identity}."


def _all_but_undecided(votes: Sequence[int], gender: int) -> bool:
    return -gender not in votes and 2 * votes.count(gender) > len(votes)


def _gender(readings: Sequence[GenderReading], found: Outcome) -> str:
    if found == "unchanged":
        return "The face did not change"
    if found == "as_drawn":
        return "Reads as your key drew, which may be the truth"
    before = shown_before(readings)
    was, other = ("male", "female") if before > 0 else ("female", "male")
    total, last = len(readings), worst(readings)
    figures = f"{last.judge} {last.before:.2f} -> {last.after:.2f}"
    readers = f"{_number(total)} readers"
    if found == "undecided_before":
        who = "The reader" if total == 1 else f"Most of {readers}"
        return f"{who} could not decide before either ({figures})"
    if found == "read":
        still = sum(side(r.after) == before for r in readings)
        verb = "reads" if still == 1 else "read"
        who = "The reader" if total == 1 else f"{_number(still).capitalize()} of {readers}"
        return f"{who} still {verb} {was} ({figures})"
    if found == "other":
        who = "the reader says" if total == 1 else f"{readers} say"
        return f"Reads as the other gender: {who} {other} ({figures})"
    who = "The reader" if total == 1 else f"None of {readers}"
    ending = "can no longer decide" if total == 1 else f"still reads {was}"
    return f"{who} {ending} ({figures})"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
