"""Identity-disjoint parts: nobody is in two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from faceveil.data.records import Record, Split
from faceveil.errors import OptionError

PARTS: tuple[Split, ...] = ("train", "val", "test")


def split_by_counts(
    records: Sequence[Record], counts: tuple[int, int, int], seed: int
) -> list[Record]:
    """Shuffle all photos by the seed and deal them out by counts, whoever is on them.

    SAN's paper divides CelebA so: 162,079 photos to train on and 40,520 to test. Official parts are
    passed over, and a person may be in two parts.

    Args:
        records: of one data set.
        counts: photos in train, val and test; what is left over is left out.
        seed: decides which go where.

    Returns:
        The records with their part, in the same order.

    Raises:
        OptionError: if there are fewer photos than that.
    """
    if min(counts) < 0 or not 0 < sum(counts) <= len(records):
        given = ", ".join(map(str, counts))
        raise OptionError(f"counts: got {given}; expected numbers of {len(records)} photos in all")
    order = np.random.default_rng(seed).permutation(len(records))
    ends = np.cumsum(counts)
    dealt = enumerate(order[: ends[-1]])
    parts = {int(i): PARTS[int(np.searchsorted(ends, k, "right"))] for k, i in dealt}
    return [replace(r, split=parts[i]) for i, r in enumerate(records) if i in parts]


def split(
    records: Sequence[Record], fractions: tuple[float, float, float], seed: int
) -> list[Record]:
    """Put every photo into ``train``, ``val`` or ``test``.

    A data set's official parts are kept. Otherwise people (each photo of unknown identity counts
    as a person of its own) are shuffled by the seed, men and women apart, and dealt out.

    Args:
        records: of one data set.
        fractions: shares of people in the three parts; they sum to 1.
        seed: decides who goes where.

    Returns:
        The records with their part, in the same order.

    Raises:
        OptionError: if the fractions are not as above, or an official part is missing for some.
    """
    if not (min(fractions) >= 0 and abs(sum(fractions) - 1) <= 1e-6):  # so that NaN fails too
        given = ", ".join(f"{f:g}" for f in fractions)
        raise OptionError(f"fractions: got {given}; expected three shares that sum to 1")
    official = [r for r in records if r.split]
    if official:
        if len(official) < len(records):
            missing = next(r for r in records if not r.split)
            raise OptionError(
                f"{missing.source}: in no official part, though others are; fetch the list again"
            )
        return list(records)
    people = {r.identity or f"\0{i}": r.gender for i, r in enumerate(records)}
    where: dict[str, Split] = {}
    generator = np.random.default_rng(seed)
    for gender in ("f", "m"):
        names = sorted(p for p, g in people.items() if g == gender)
        order = generator.permutation(len(names))
        ends = np.rint(np.cumsum(fractions) * len(names)).astype(int)
        for rank, i in enumerate(order):
            where[names[i]] = PARTS[int(np.searchsorted(ends, rank, "right"))]
    return [replace(r, split=where[r.identity or f"\0{i}"]) for i, r in enumerate(records)]
