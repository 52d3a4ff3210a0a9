"""Contact sheets: a few faces above their protected versions."""

from __future__ import annotations

import numpy as np

from faceveil.types import Uint8Array

SHEET_FACES = 8


def sheet(before: Uint8Array, after: Uint8Array) -> Uint8Array:
    """A few faces above their protected versions.

    Args:
        before: (N, 224, 224[, 3]) uint8.
        after: the same shape.

    Returns:
        (448, K x 224[, 3]) uint8, K at most :data:`SHEET_FACES`.
    """
    rows = np.linspace(0, len(before) - 1, min(SHEET_FACES, len(before))).astype(int)
    strips = [np.concatenate(list(x[rows]), axis=1) for x in (before, after)]
    return np.concatenate(strips, axis=0)
