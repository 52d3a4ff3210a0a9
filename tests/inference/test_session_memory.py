"""Memory of models: activations are handed back, and only a few models stay loaded."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the dev extra")
from onnx import helper  # noqa: E402

from faceveil.inference.device import Choice  # noqa: E402
from faceveil.inference.model import OnnxRuntimeNetwork  # noqa: E402
from faceveil.inference.session import SESSIONS, session  # noqa: E402
from faceveil.judges.onnx_judge import OnnxGenderJudge  # noqa: E402
from tests.judges.tiny import constant, parsed, save  # noqa: E402


def held() -> float:
    """Resident memory in MB."""
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        pytest.skip("no /proc: resident memory is unknown")
    return int(statm.read_text().split()[1]) * 4096 / 1e6


def greedy(path: Path, side: int) -> str:
    """A model that needs 256 maps of the input's size for one number a picture."""
    nodes = [
        helper.make_node("Mul", ["x", "maps"], ["m"]),
        helper.make_node("Sin", ["m"], ["s"]),
        helper.make_node("ReduceMean", ["s", "axes"], ["r"], keepdims=0),
        helper.make_node("Unsqueeze", ["r", "one"], ["y"]),
    ]
    maps = np.ones((1, 256, 1, 1))
    weights = (("maps", maps, np.float32), ("axes", [1, 2, 3], np.int64), ("one", [1], np.int64))
    return save(path, nodes, ["N", 1, side, side], *weights)


def test_a_network_of_protectors_hands_back_what_it_needed(tmp_path: Path) -> None:
    greedy(tmp_path / "g.onnx", 128)
    network = OnnxRuntimeNetwork(session(tmp_path / "g.onnx", None, Choice(threads=1)))
    x = np.ones((40, 1, 128, 128), np.float32)
    network({"x": x[:1]})  # what a session needs first of all it keeps
    before = held()
    (out,) = network({"x": x})  # a batch of 16 would need 270 MB or more
    assert held() - before < 60
    np.testing.assert_allclose(out[:, 0], np.sin(1), atol=5e-3)


def test_a_judge_hands_back_what_it_needed(tmp_path: Path) -> None:
    digest = greedy(tmp_path / "tiny.onnx", 64)
    card = parsed(input={"size": 64, "channels": "gray", "scale": 1 / 255}, sha256=digest)
    judge = OnnxGenderJudge(card, tmp_path, threads=1)
    crops = np.full((70, 224, 224, 3), 255, np.uint8)
    judge.p_male(crops[:1])
    before = held()
    answers = judge.p_male(crops)  # a batch of 32 needs 130 MB or more
    assert held() - before < 60
    np.testing.assert_allclose(answers, np.sin(1), atol=5e-3)


def test_only_a_few_models_stay_loaded(tmp_path: Path) -> None:
    crops = np.zeros((1, 224, 224, 3), np.uint8)
    judges, loaded = [], []
    for i in range(3 * SESSIONS):
        constant(tmp_path / f"{i}.onnx", [i / 100])
        judges.append(OnnxGenderJudge(parsed(model=f"{i}.onnx"), tmp_path, threads=1))
        loaded.append(weakref.ref(session(tmp_path / f"{i}.onnx", None, Choice(threads=1))))
    gc.collect()
    assert sum(ref() is not None for ref in loaded) <= SESSIONS
    for i, judge in enumerate(judges):  # and the others are loaded when they are asked
        assert judge.p_male(crops)[0] == pytest.approx(i / 100)
