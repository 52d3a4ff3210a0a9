"""The first table of a report: one line per protector, and the strongest adversary of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from faceveil.evaluation.rows import Row, chosen, mean

FLIPPED = "flipped"
"""The note of a row whose AUC was below one half and is given as of the opposite decisions."""


def folded(row: Row) -> Row:
    """An AUC as it counts for privacy: below one half, that of who takes the opposite decisions.

    Args:
        row: a figure whose metric is AUC, in [0, 1]; a gap stays one.

    Returns:
        The row with its value in [0.5, 1], its interval mirrored with it, and the note ``flipped``
        where it was turned round.
    """
    if row.value is None or row.value >= 0.5:
        return row
    low, high = (None if v is None else 1 - v for v in (row.high, row.low))
    return replace(row, value=1 - row.value, low=low, high=high, note=FLIPPED)


def strongest(rows: Sequence[Row]) -> Row | None:
    """The AUC that is farthest from one half, :func:`folded`; None where none was measured.

    Of two that are as far, the one that needs no flip: the flip adversary is zero effort's mirror.
    """
    found = [folded(r) for r in rows if r.metric == "AUC" and r.value is not None]
    # Rounded, so that 1 - (1 - p) ties with p.
    return max(found, key=lambda r: (round(r.value or 0.0, 9), r.note != FLIPPED), default=None)


def headline(rows: Sequence[Row], fmr: float) -> list[dict[str, Any]]:
    """One line per protector, strength and mode: what a reader looks for first.

    Gender is the mean EER of zero effort over judges and sets as they are, its extremes, and the
    strongest adversary of all with its interval: the greatest of AUC and 1 - AUC, since who is
    wrong more often than right only has to take the opposite. Matching is the mean TMR and the
    share of the originals' TMR that is kept; the change is the mean absolute one.

    Args:
        rows: of a whole evaluation.
        fmr: false match rate of the TMR.
    """
    keys = dict.fromkeys((r.protector, r.strength, r.mode) for r in rows)
    tmr = f"TMR@{fmr:g}"
    full = {k[2]: _matching(rows, k, tmr) for k in keys if k[0] == "original"}
    lines = []
    for key in keys:
        protector, strength, mode = key
        own = chosen(rows, protector=protector, strength=strength, mode=mode, group="all")
        zero = chosen(own, adversary="zero-effort", metric="EER")
        best = strongest(chosen(own, kind="gender", metric="AUC"))
        eers = [r.value for r in zero if r.value is not None]
        matched, before = _matching(rows, key, tmr), full.get(mode)
        lines.append(
            {
                "protector": protector,
                "strength": strength,
                "mode": mode,
                "gender EER": mean(zero),
                "lowest EER": min(eers, default=None),
                "highest EER": max(eers, default=None),
                "zero-effort AUC": mean(chosen(own, adversary="zero-effort", metric="AUC")),
                "strongest adversary": f"{best.adversary}: {best.judge}" if best else None,
                "strongest flipped": best.note == FLIPPED if best else None,
                "strongest AUC": best.value if best else None,
                "strongest low": best.low if best else None,
                "strongest high": best.high if best else None,
                tmr: matched,
                "TMR kept": matched / before if matched is not None and before else None,
                "change": mean(chosen(own, metric="mean change")),
            }
        )
    return lines


def _matching(rows: Sequence[Row], key: tuple[str, float, str], tmr: str) -> float | None:
    """Mean TMR over matchers and sets, original probe against protected gallery."""
    protector, strength, mode = key
    found = chosen(
        rows, protector=protector, strength=strength, mode=mode, kind="matcher", metric=tmr,
        group="all", note="original-protected",
    )  # fmt: skip
    return mean(found)
