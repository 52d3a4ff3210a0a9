"""SAN at run time: what is fed to the network, and what is made of its answer."""

import numpy as np
import pytest

from faceveil.errors import ModelError
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.systems.san.protector import SANProtector


class FixedNetwork:
    """Adds a constant, and remembers what it was fed."""

    def __init__(self, change=0.1):
        self.change = change

    def __call__(self, feed):
        self.feed = feed
        return feed["image"] + np.float32(self.change)


@pytest.fixture
def protector(monkeypatch):
    p = SANProtector(WEIGHTS / "san.onnx", choice=Choice(threads=1))
    monkeypatch.setattr(p.network, "_model", FixedNetwork())
    return p


def test_change_is_scaled_by_the_gain_and_added(protector):
    luma = np.random.default_rng(0).random((2, 224, 224)).astype(np.float32) * 0.5
    out = protector.protect(luma, np.zeros(2, np.float32), np.ones(2, np.float32))
    np.testing.assert_allclose(out - luma, 0.1 * protector.network.gain, atol=1e-5)


def test_output_stays_in_range(protector):
    luma = np.ones((1, 224, 224), np.float32)
    out = protector.protect(luma, np.zeros(1, np.float32), np.ones(1, np.float32))
    assert out.max() == 1


def test_neutral_takes_the_weighted_prototype(protector):
    luma = np.zeros((3, 224, 224), np.float32)
    target = np.array([0.0, 0.5, 1.0], np.float32)
    protector.protect(luma, np.zeros(3, np.float32), target)
    fed = protector.network._model.feed["target"]
    np.testing.assert_allclose(fed, [0, protector.network.male_share, 1])
    assert 0.3 < protector.network.male_share < 0.6


def test_frame_and_warps(protector):
    from faceveil.imaging.geometry import canonical_template

    luma = np.random.default_rng(1).random((2, 224, 224)).astype(np.float32)
    sides = np.zeros(2, np.float32)
    landmarks = np.stack([canonical_template(224)] * 2)
    protector.protect(luma, sides, sides, landmarks)
    feed = protector.network._model.feed
    assert feed["image"].shape == (2, 1, 128, 128)
    assert abs(feed["image"].mean() - luma.mean()) < 1e-3
    np.testing.assert_allclose(feed["theta"], np.stack([np.eye(2, 3)] * 2), atol=1e-6)


def test_no_faces(protector):
    empty = np.zeros((0, 224, 224), np.float32)
    none = np.zeros(0, np.float32)
    assert protector.protect(empty, none, none).shape == (0, 224, 224)


def test_damaged_weights_are_refused(tmp_path):
    for suffix in (".onnx", ".json"):
        (tmp_path / f"san{suffix}").write_bytes((WEIGHTS / f"san{suffix}").read_bytes())
    with (tmp_path / "san.onnx").open("r+b") as file:
        file.write(b"\0\0")
    with pytest.raises(ModelError, match="sha256") as caught:
        SANProtector(tmp_path / "san.onnx")
    assert "\n" not in str(caught.value)


def test_a_judges_card_is_no_protector():
    with pytest.raises(ModelError, match="expected 'protector'"):
        SANProtector(WEIGHTS / "judge_gender.onnx")


def test_without_smoothing_the_whole_output_is_the_networks_own():
    """Published recipes ship smoothing 0 and gain 1: at 224 px nothing is added to the output."""
    from faceveil.systems.san.protector import add_change

    luma, output = np.random.default_rng(0).random((2, 2, 224, 224)).astype(np.float32)
    np.testing.assert_allclose(add_change(luma, output - luma, 0.0, 1.0), output, atol=1e-6)
