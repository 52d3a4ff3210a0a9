"""The gender estimator is loaded when it is asked, on the device it was made for."""

from __future__ import annotations

import numpy as np
import pytest

from faceveil import load_protector
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.inference.model import Model
from faceveil.protect import estimator as module
from faceveil.protect.estimator import GenderEstimator


def test_the_default_never_loads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(module.GenderEstimator, "_model", property(refuse))
    protector = load_protector(threads=1)
    crops = np.full((1, 224, 224), 128, np.uint8)
    assert protector.protect_crops(crops).shape == crops.shape
    with pytest.raises(AssertionError, match="loaded"):
        protector.protect_crops(crops, target="opposite")


def test_it_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], Model.load
    monkeypatch.setattr(module.Model, "load", lambda *a: calls.append(a) or real(*a))
    estimator = GenderEstimator(WEIGHTS / "gender_estimator.onnx", Choice("cpu", threads=1))
    assert calls == []
    face = np.zeros((2, 224, 224), np.float32)
    assert np.array_equal(estimator.p_male(face), estimator.p_male(face))
    assert calls == [(WEIGHTS / "gender_estimator.onnx", "gender", Choice("cpu", threads=1))]
