"""How a prototype is warped to a face: an affine map from the face's five landmarks."""

from __future__ import annotations

import numpy as np

from faceveil.imaging.geometry import (
    CROP_SIZE,
    affine,
    canonical_template,
    compose,
    invert,
)
from faceveil.types import Float32Array, Float64Array

_TO_PIXELS = np.array(
    [[CROP_SIZE / 2, 0, (CROP_SIZE - 1) / 2], [0, CROP_SIZE / 2, (CROP_SIZE - 1) / 2]]
)
"""From coordinates in [-1, 1] to pixels of the canonical crop."""


def prototype_warp(landmarks: Float64Array | None, count: int) -> Float32Array:
    """Maps from a crop to the prototype that is laid over it.

    The prototype's own landmarks are the template's; the least-squares affine map brings them
    onto the face's. The network samples the prototype, so it needs the inverse, in coordinates
    from -1 to 1.

    Args:
        landmarks: (N, 5, 2) in pixels of the 224x224 canonical crop, or None for faces exactly on
            the template (crops without known landmarks).
        count: N.

    Returns:
        (N, 2, 3) float32; the identity where landmarks are None.
    """
    if landmarks is None:
        return np.tile(np.eye(2, 3, dtype=np.float32), (count, 1, 1))
    template = canonical_template(CROP_SIZE)
    back = invert(_TO_PIXELS)
    maps = [compose(back, compose(affine(face, template), _TO_PIXELS)) for face in landmarks]
    return np.asarray(maps, dtype=np.float32).reshape(count, 2, 3)
