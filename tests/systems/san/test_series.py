"""FlowSAN and Ensemble SAN at run time, with networks whose answers are known."""

import json

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.systems import specs as registry
from faceveil.systems.san import ensemble, flowsan
from faceveil.systems.san.ensemble import EnsembleProtector, best, drawn
from faceveil.systems.san.flowsan import FlowSANProtector
from faceveil.systems.specs import MethodOptions, build_crop_protector

RNG = np.random.default_rng(0)
LUMA = (0.2 + 0.5 * RNG.random((4, 224, 224))).astype(np.float32)
MALE = np.array([0, 1, 1, 0], np.float32)


class Scaled:
    """A network that multiplies a face by a factor and notes what it was given."""

    frame, smoothing, gain = 224, 0.0, 1.0

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, faces, male, target, theta):
        self.given = (faces, male, target, theta)
        return faces * np.float32(self.factor)


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    factors = {"1": 1.1, "2": 0.9, "3": 0.8}
    for module in (flowsan, ensemble):
        monkeypatch.setattr(module, "SANNetwork", lambda path, choice: Scaled(factors[path]))


def test_each_stage_takes_the_output_of_the_one_before():
    flow = FlowSANProtector(["1", "2", "3"])
    outputs = flow.outputs(LUMA, MALE, 1 - MALE)
    for out, factor in zip(outputs, (1.1, 1.1 * 0.9, 1.1 * 0.9 * 0.8), strict=True):
        np.testing.assert_allclose(out, LUMA * factor, atol=1e-5)
    assert np.array_equal(flow.protect(LUMA, MALE, 1 - MALE), outputs[-1])
    for stage in flow.stages:  # every stage knows the person's own gender and the target
        assert np.array_equal(stage.given[1], MALE)
        assert np.array_equal(stage.given[2], 1 - MALE)


def test_the_last_stages_gain_scales_the_whole_change():
    flow = FlowSANProtector(["1", "2"])
    flow.stages[1].gain = 0.5
    change = flow.protect(LUMA, MALE, MALE) - LUMA
    np.testing.assert_allclose(change, 0.5 * (1.1 * 0.9 - 1) * LUMA, atol=1e-5)


def test_average():
    out = EnsembleProtector(["1", "2", "3"]).protect(LUMA, MALE, 1 - MALE)
    np.testing.assert_allclose(out, LUMA * np.mean([1.1, 0.9, 0.8]), atol=1e-5)


def test_gibbs_is_one_of_them_and_always_the_same_one():
    protector = EnsembleProtector(["1", "2", "3"], "gibbs", seed=5)
    out = protector.protect(LUMA, MALE, 1 - MALE)
    factors = (out / LUMA).mean(axis=(1, 2))
    assert all(min(abs(f - g) for g in (1.1, 0.9, 0.8)) < 1e-4 for f in factors)
    alone = np.concatenate(
        [protector.protect(LUMA[i : i + 1], MALE[i : i + 1], MALE[i : i + 1]) for i in (2, 0)]
    )
    assert np.array_equal(alone, out[[2, 0]])  # whatever else is in the batch, in any order


def test_draws_are_even_and_depend_on_the_seed():
    faces = RNG.random((600, 4, 4)).astype(np.float32)
    counts = np.bincount(drawn(faces, 3, seed=0), minlength=3)
    assert counts.min() > 150
    assert not np.array_equal(drawn(faces, 3, seed=0), drawn(faces, 3, seed=1))


def test_best_is_equation_8():
    outputs = [np.full((4, 2, 2), k, np.float32) for k in range(3)]
    p_male = [np.array([0.1, 0.9, 0.5, 0.2]), np.array([0.6, 0.8, 0.1, 0.3]), np.array([0.2] * 4)]
    chosen = best(outputs, p_male, MALE)[:, 0, 0]
    assert chosen.tolist() == [1, 2, 1, 1]  # women: the largest P(male); men: the smallest


def test_no_faces():
    none = np.zeros((0, 224, 224), np.float32)
    nobody = np.zeros(0, np.float32)
    for protector in (FlowSANProtector(["1"]), EnsembleProtector(["1", "2"], "gibbs")):
        assert protector.protect(none, nobody, nobody).shape == (0, 224, 224)


def test_unknown_combination():
    with pytest.raises(OptionError, match="avg, gibbs"):
        EnsembleProtector(["1"], "median")


@pytest.fixture
def weights(tmp_path):
    for name in ("flowsan", "ensemble"):
        for i in range(1, 5):
            (tmp_path / f"{name}_{i}.onnx").write_bytes(b"")
            (tmp_path / f"{name}_{i}.json").write_text(json.dumps({"kind": "protector"}))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "stages", "expected"),
    [("flowsan", None, 3), ("flowsan", 4, 4), ("ensemble", None, 4), ("ensemble", 2, 2)],
)
def test_stages(weights, monkeypatch, name, stages, expected):
    for module in (flowsan, ensemble):
        monkeypatch.setattr(module, "SANNetwork", lambda path, threads: path.stem)
    built = build_crop_protector(name, weights=weights, options=MethodOptions(stages))
    members = built.stages if name == "flowsan" else built.members
    assert members == [f"{name}_{i}" for i in range(1, expected + 1)]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("flowsan", MethodOptions(stages=6), "1 to 4"),
        ("flowsan", MethodOptions(stages=0), "1 to 4"),
        ("flowsan", MethodOptions(combine="avg"), "for ensemble"),
        ("san", MethodOptions(stages=2), "for ensemble, flowsan"),
        ("ensemble", MethodOptions(combine="best"), "avg, gibbs"),
    ],
)
def test_bad_options(weights, name, options, message):
    with pytest.raises(OptionError, match=message):
        build_crop_protector(name, weights=weights, options=options)


def test_every_method_is_listed():
    assert {"san", "ensemble", "flowsan"} <= set(registry.list_protectors())


def test_a_clip_draws_once_for_a_person():
    """Gibbs draws by the pixels: in a clip one draw, of the first crop, holds for all frames."""
    gibbs = EnsembleProtector(["1", "2", "3"], "gibbs", seed=5)
    seen = set()
    for first in range(4):
        fixed = gibbs.fix_for_person(LUMA[first:], MALE[:1], np.zeros((4, 5, 2)))
        out = fixed.protect(LUMA, MALE, 1 - MALE)
        factor = (1.1, 0.9, 0.8)[drawn(LUMA[first : first + 1], 3, 5)[0]]
        np.testing.assert_allclose(out, LUMA * factor, atol=1e-5)
        seen.add(factor)
    assert len(seen) > 1
    assert len(gibbs.members) == 3
    average = EnsembleProtector(["1", "2"])
    assert average.fix_for_person(LUMA, MALE[:1], np.zeros((4, 5, 2))) is average
