"""All pairs of images, scored in blocks so that no matrix of every pair is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.types import Float32Array

BLOCK_SCORES = 2**22
"""Scores computed at once; a few arrays of this size are all the memory that is needed."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The scores of some probes with every gallery image.

    Attributes:
        start: row of the first of these probes.
        scores: (B, N) cosines.
        genuine: (B, N) True where two different images show one person.
        impostor: (B, N) True where they show two people.
    """

    start: int
    scores: Float32Array
    genuine: NDArray[np.bool_]
    impostor: NDArray[np.bool_]


def blocks(
    probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64]
) -> Iterator[Block]:
    """Score every pair of different images, block by block.

    An image is never compared with itself or its own protected version. Where probe and gallery are
    one array, a pair and its mirror are the same comparison, which counts once.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (N, D) unit embeddings of the same images.
        identity: (N,) who is on each image.

    Raises:
        OptionError: if the three do not fit or an embedding is not finite.
    """
    identity = np.asarray(identity)
    count = len(identity)
    if probe.ndim != 2 or probe.shape != gallery.shape or len(probe) != count:
        raise OptionError(
            f"pairs: got embeddings {probe.shape} and {gallery.shape} of {count} identities; "
            "expected (N, D), (N, D) and (N,)"
        )
    bad = int((~(np.isfinite(probe) & np.isfinite(gallery)).all(axis=1)).sum())
    if bad:
        raise OptionError(f"pairs: {bad} of {count} embeddings are not finite; check the matcher")
    columns = np.arange(count)
    step = max(1, BLOCK_SCORES // max(count, 1))
    for start in range(0, count, step):
        rows = columns[start : start + step, None]
        same = identity[rows] == identity
        counted = columns > rows if probe is gallery else columns != rows
        scores = probe[start : start + step] @ gallery.T
        yield Block(start, scores, same & counted, ~same & counted)


def impostor_pairs(identity: NDArray[np.int64], mirrored: bool) -> int:
    """How many pairs of images of two people there are; a pair and its mirror are one if so told.

    Args:
        identity: (N,) who is on each image.
        mirrored: whether probe and gallery are one array, as :func:`blocks` notices.
    """
    sizes = np.unique(identity, return_counts=True)[1].astype(np.int64)
    ordered = int(sizes.sum() ** 2 - (sizes**2).sum())
    return ordered // 2 if mirrored else ordered


def highest_impostors(
    probe: Float32Array, gallery: Float32Array, identity: NDArray[np.int64], count: int
) -> tuple[Float32Array, NDArray[np.int64], NDArray[np.int64]]:
    """The highest impostor scores, falling, and the rows of probe and gallery that gave them.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (N, D) unit embeddings of the same images.
        identity: (N,) who is on each image.
        count: how many, 1 or more; all where there are fewer.
    """
    scores = np.empty(0, np.float32)
    places = np.empty(0, np.int64)
    for block in blocks(probe, gallery, identity):
        taken = block.impostor
        if len(scores) >= count:
            taken = taken & (block.scores > scores[count - 1])
        where = np.flatnonzero(taken)
        scores = np.concatenate([scores, block.scores.ravel()[where]])
        places = np.concatenate([places, where + block.start * len(identity)])
        if len(scores) > count:  # much cheaper than to sort them all
            enough = scores >= np.partition(scores, -count)[-count]
            scores, places = scores[enough], places[enough]
        # Stable, so that among equal scores the earlier pair stays whatever the block size.
        order = np.argsort(-scores, kind="stable")[:count]
        scores, places = scores[order], places[order]
    rows, columns = np.divmod(places, max(len(identity), 1))
    return scores, rows, columns
