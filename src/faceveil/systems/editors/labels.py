"""Labels of faces in groups: what a face has, and what it is to have, as vectors for an editor.

A group is one binary attribute (``"Male"``), or alternatives of which one holds, joined by ``|``
(``"White|Black|Asian"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from faceveil.types import Float32Array


def names_of(groups: Sequence[str]) -> tuple[str, ...]:
    """The labels of the groups, one after another: ``("Male", "A|B")`` -> Male, A, B."""
    return tuple(name for group in groups for name in group.split("|"))


def spans(groups: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First column and width of each group."""
    start = 0
    for group in groups:
        width = len(group.split("|"))
        yield start, width
        start += width


def one_hot(p: Float32Array, groups: Sequence[str]) -> Float32Array:
    """Labels from probabilities: above a half, or the likeliest of a group's alternatives.

    Args:
        p: (N, L) probabilities.
        groups: whose labels the columns are.

    Returns:
        (N, L) of 0 and 1.
    """
    labels = np.zeros_like(p)
    for start, width in spans(groups):
        part = p[:, start : start + width]
        chosen = part > 0.5 if width == 1 else np.eye(width)[part.argmax(axis=1)]
        labels[:, start : start + width] = chosen
    return labels


def wanted_labels(
    source: Float32Array,
    p: Float32Array,
    groups: Sequence[str],
    hidden: Sequence[int],
    male: Float32Array,
    target: Float32Array,
) -> Float32Array:
    """What each face is to have.

    The wish is told by the gender's target: the person's own gender leaves all labels as they are,
    0.5 asks for the middle of each hidden group, the other gender for the opposite. The opposite of
    one of several alternatives is the one that the face is least likely to have.

    Args:
        source: (N, L) labels that the faces have, 0 or 1.
        p: (N, L) their probabilities.
        groups: whose labels the columns are.
        hidden: numbers of the groups to change.
        male: (N,) 1 male, 0 female.
        target: (N,) 1 male, 0 female, 0.5 neutral.

    Returns:
        (N, L) in [0, 1].
    """
    wanted = source.copy()
    neutral, opposite = target == 0.5, (target != 0.5) & (target != male)
    for k, (start, width) in enumerate(spans(groups)):
        if k not in hidden:
            continue
        columns = slice(start, start + width)
        if width == 1:
            other = 1 - source[:, columns]
        else:
            other = np.eye(width, dtype=np.float32)[p[:, columns].argmin(axis=1)]
        wanted[opposite, columns] = other[opposite]
        wanted[neutral, columns] = 1 / max(width, 2)
    return wanted
