"""Figures of a matcher the plain way, with all scores at hand: what the quick ways must equal."""

import numpy as np

from faceveil.evaluation.metrics.pairs import blocks


def pair_scores(probe, gallery, identity):
    """Genuine and impostor cosines of all pairs of different images."""
    found = list(blocks(probe, gallery, identity))
    genuine = np.concatenate([b.scores[b.genuine] for b in found])
    return genuine, np.concatenate([b.scores[b.impostor] for b in found])
