"""Stand-ins with known answers."""

from __future__ import annotations

import numpy as np

from faceveil.types import Face

LANDMARKS = np.array([(60, 70), (100, 70), (80, 92), (64, 115), (97, 115)], np.float32)


class BrightenProtector:
    """Adds 0.2 x (target - male) to every pixel, so tests can tell what it was told."""

    name = "brighten"

    def __init__(self):
        self.calls = []

    channels = 1
    own_target = "opposite"
    needs_gender = True
    replaces_face = False
    runs_on = "CPU"

    def protect(self, luma, male, target, landmarks):
        self.calls.append((male.copy(), target.copy(), landmarks))
        return np.clip(luma + 0.2 * (target - male)[:, None, None], 0, 1).astype(np.float32)


class FixedEstimator:
    def __init__(self, p=0.9):
        self.p = p

    def p_male(self, luma):
        return np.full(len(luma), self.p, np.float32)


class FixedDetector:
    def __init__(self, faces=None):
        box = (40.0, 40.0, 120.0, 140.0)
        self.faces = (Face(box, LANDMARKS, 0.9),) if faces is None else faces

    def detect(self, rgb):
        return self.faces
