"""What readings of judges mean: when a gender counts as hidden, and how to say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

UNDECIDED = (0.35, 0.65)
"""P(male) within which a gender judge counts as undecided, both ends included."""


@dataclass(frozen=True, slots=True)
class GenderReading:
    """What one gender judge says: P(male) in [0, 1] of the original and the protected face."""

    judge: str
    before: float
    after: float


def is_hidden(before: float, after: float) -> bool:
    """Whether a gender judge no longer reads what it read before.

    True where the protected face lies in the undecided band, or on the other side of 0.5 than the
    original. It compares with the judge's own reading of the original, whether that was right or
    not; and it says nothing about an attacker who retrains or turns decisions round.

    Args:
        before: P(male) in [0, 1] of the original.
        after: P(male) in [0, 1] of the protected face.
    """
    undecided = UNDECIDED[0] <= after <= UNDECIDED[1]
    return undecided or (before >= 0.5) != (after >= 0.5)


def verdict(
    readings: Sequence[GenderReading],
    similarity: float,
    threshold: float,
    *,
    as_drawn: bool = False,
) -> str:
    """One plain sentence on gender and one on identity, joined.

    Args:
        readings: one per gender judge, at least one.
        similarity: cosine similarity of the original and the protected face.
        threshold: similarity from which the matcher accepts.
        as_drawn: whether the face reads as the key drew.
    """
    if as_drawn:
        gender = "Reads as your key drew, which may be the truth"
    else:
        gender = _one(readings[0]) if len(readings) == 1 else _several(readings)
    if similarity >= threshold:
        identity = f"the matcher still accepts the pair ({similarity:.2f} >= {threshold:.2f})"
    else:
        identity = f"the face no longer matches its original ({similarity:.2f} < {threshold:.2f})"
    return f"{gender}; {identity}."


def _one(reading: GenderReading) -> str:
    change = f"({reading.before:.2f} -> {reading.after:.2f})"
    if UNDECIDED[0] <= reading.after <= UNDECIDED[1]:
        return f"The gender judge can no longer decide {change}"
    if is_hidden(reading.before, reading.after):
        return f"The gender judge now reads the opposite gender {change}"
    return f"The gender judge still reads {'male' if reading.after >= 0.5 else 'female'} {change}"


def _several(readings: Sequence[GenderReading]) -> str:
    fooled = [r for r in readings if is_hidden(r.before, r.after)]
    count = "All" if len(fooled) == len(readings) else str(len(fooled) or "None")
    still = ", ".join(
        f"{r.judge} {r.before:.2f} -> {r.after:.2f}" for r in readings if r not in fooled
    )
    verb = "no longer reads" if len(fooled) == 1 else "no longer read"
    sentence = f"{count} of {len(readings)} gender judges {verb} what they read before"
    return f"{sentence} (still: {still})" if still else sentence
