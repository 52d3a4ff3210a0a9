"""How well a matcher finds a person in a gallery: pure functions of embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceveil.errors import OptionError
from faceveil.evaluation.metrics.pairs import BLOCK_SCORES
from faceveil.types import Float32Array


def rank1(
    probe: Float32Array,
    gallery: Float32Array,
    identity: ArrayLike,
    gallery_identity: ArrayLike | None = None,
    same_picture: ArrayLike | None = None,
) -> float:
    """Rank-1 identification rate of a closed set.

    Each probe looks for its nearest other picture in the gallery; a tie with another person is a
    miss. Probes whose person has no other picture there are left out.

    Args:
        probe: (N, D) unit embeddings.
        gallery: (M, D) unit embeddings; of the same images as the probes where no
            ``gallery_identity`` is given.
        identity: (N,) who is on each probe.
        gallery_identity: (M,) who is on each gallery image.
        same_picture: the gallery image of the very same picture, which a probe never meets: (N,)
            its row, -1 for none, or an (N, M) mask. Without ``gallery_identity`` it is the row of
            the probe itself.

    Raises:
        OptionError: if shapes do not fit, an embedding is not finite, or nobody has another
            picture.
    """
    names = np.asarray(identity)
    others = names if gallery_identity is None else np.asarray(gallery_identity)
    if names.shape != (len(probe),) or others.shape != (len(gallery),):
        raise OptionError(
            f"rank-1: got {len(probe)} probes, {len(gallery)} gallery images, identities "
            f"{names.shape} and {others.shape}; expected one identity per image"
        )
    if not (np.isfinite(probe).all() and np.isfinite(gallery).all()):
        raise OptionError("rank-1: some embeddings are not finite; check the matcher")
    own = _same_picture(same_picture, gallery_identity is None, len(probe), len(gallery))
    hits = tried = 0
    step = max(1, BLOCK_SCORES // max(len(gallery), 1))
    for start in range(0, len(probe), step):
        rows = slice(start, start + step)
        scores = probe[rows] @ gallery.T
        if own.ndim == 2:
            scores[own[rows]] = -np.inf
        else:
            at = np.flatnonzero(own[rows] >= 0)
            scores[at, own[rows][at]] = -np.inf
        same = names[rows, None] == others
        best = np.where(same, scores, -np.inf).max(axis=1, initial=-np.inf)
        rival = np.where(same, -np.inf, scores).max(axis=1, initial=-np.inf)
        tried += int((best > -np.inf).sum())
        hits += int((best > rival).sum())
    if tried == 0:
        raise OptionError("rank-1: nobody has two images; expected at least one person who does")
    return hits / tried


def _same_picture(
    given: ArrayLike | None, one_set: bool, probes: int, images: int
) -> NDArray[np.int64] | NDArray[np.bool_]:
    if given is None:
        return np.arange(probes) if one_set else np.full(probes, -1)
    found = np.asarray(given)
    if found.shape == (probes, images) and found.dtype == np.bool_:
        return found
    rows = found.shape == (probes,) and np.issubdtype(found.dtype, np.integer)
    if not rows or (probes and not -1 <= found.min() <= found.max() < images):
        raise OptionError(
            f"same_picture: got {found.dtype} {found.shape}; expected {probes} rows of the gallery "
            f"(-1 for none), or a ({probes}, {images}) mask"
        )
    return found
