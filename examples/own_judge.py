"""A judge and a protector of your own, for ``faceveil evaluate``.

Run from this folder (``evaluate`` looks for modules in the current one too)::

    faceveil evaluate own.toml -o report/

with ``judges = ["own_judge:brightness"]`` and ``method = "own_judge:flattened"``. Both get
canonical crops, (N, 224, 224, 3) uint8 RGB. Put your network's call in their place.
"""

import cv2
import numpy as np


def brightness(crops):
    """P(male) in [0, 1] of each crop: (N,). A poor judge: it looks at the mouth's brightness."""
    mouth = crops[:, 140:180, 80:144].mean(axis=(1, 2, 3)) / 255
    return np.clip(1.5 - 2 * mouth, 0, 1)


brightness.judge_kind = "gender"


def flattened(crops, labels):
    """Protected crops, of the shape of ``crops``: here each a little blurred.

    ``labels`` holds the true gender of each face, 1 for male.
    """
    return np.stack([cv2.GaussianBlur(crop, (0, 0), 3.0) for crop in crops])
