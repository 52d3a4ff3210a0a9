"""Judges whose answers a test can foresee: they read the mean brightness of the crop."""

from __future__ import annotations

import numpy as np

from faceveil.judges.base import JudgeInfo

STEP = 4  # every pixel would take the tests' time and say the same


def as_patches(crops: np.ndarray) -> np.ndarray:
    """(N, 64) brightness of 8 x 8 squares."""
    some = crops[:, ::STEP, ::STEP].mean(axis=3)
    return some.reshape(-1, 8, 28 // STEP, 8, 28 // STEP).mean(axis=(2, 4)).reshape(-1, 64)


class BrightnessJudge:
    """P(male) is the mean brightness."""

    def __init__(self, name: str = "brightness", gain: float = 1.0) -> None:
        self.info = JudgeInfo(name, "a test", "MIT", "none")
        self.gain = gain

    def p_male(self, crops: np.ndarray) -> np.ndarray:
        mean = crops[:, ::STEP, ::STEP].mean(axis=(1, 2, 3)) / 255
        return (0.5 + self.gain * (mean - 0.5)).astype(np.float32)


class PatchMatcher:
    """The embedding is the crop at 8 x 8 pixels, centred and of unit length."""

    def __init__(self) -> None:
        self.info = JudgeInfo("patches", "a test", "MIT", "none")

    def embed(self, crops: np.ndarray) -> np.ndarray:
        patches = as_patches(crops)
        centred = patches - patches.mean(axis=1, keepdims=True)
        return (centred / np.linalg.norm(centred, axis=1, keepdims=True)).astype(np.float32)


def people(count: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops (N, 224, 224) of block patterns: one pattern a person, men bright, women dark."""
    rng = np.random.default_rng(seed)
    crops, male, identity = [], [], []
    for person in range(count):
        own = rng.normal(0, 18, (8, 8))
        for _ in range(each):
            level = 150 if person % 2 else 100
            blocks = own + rng.normal(0, 4, (8, 8)) + level + rng.normal(0, 8)
            crops.append(np.kron(np.clip(blocks, 0, 255), np.ones((28, 28))).astype(np.uint8))
            male.append(person % 2)
            identity.append(person)
    return np.stack(crops), np.array(male), np.array(identity)
