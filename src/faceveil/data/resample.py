"""Training sets made diverse by replication (FlowSAN section 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError


def replicated(
    chosen: NDArray[np.bool_], *, parts: int, part: int, times: int, seed: int
) -> NDArray[np.int64]:
    """Indices of a set in which one random part of the chosen samples comes ``times`` times.

    "In each one a random disjoint subset of samples from the underrepresented race was replicated
    40 times": with the same seed, the subsets of different ``part`` are disjoint and together
    are all chosen samples.

    Args:
        chosen: (N,) True where a sample is of the underrepresented race.
        parts: into how many subsets the chosen samples fall.
        part: which of them is replicated, from 0.
        times: how often each of its samples is in the result.
        seed: decides the subsets.

    Returns:
        (M,) indices: every sample once, those of the part ``times`` times, in ascending order.

    Raises:
        OptionError: if ``part`` is not in [0, parts), or there are fewer chosen samples than parts.
    """
    if not 0 <= part < parts:
        raise OptionError(f"part: got {part}; expected 0 to {parts - 1}")
    if times < 1:
        raise OptionError(f"replicate: got {times}; expected 1 or more")
    where = np.flatnonzero(chosen)
    if len(where) < parts:
        raise OptionError(
            f"resample: {len(where)} samples of the underrepresented race for {parts} parts; "
            "expected at least one each; name another race or fewer parts"
        )
    subset = np.array_split(np.random.default_rng(seed).permutation(where), parts)[part]
    counts = np.ones(len(chosen), np.int64)
    counts[subset] = times
    return np.repeat(np.arange(len(chosen)), counts)
