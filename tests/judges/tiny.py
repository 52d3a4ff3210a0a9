"""ONNX judges of a few bytes, and cards for them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from faceveil.judges.card import JudgeCard


def save(path: Path, nodes: list[onnx.NodeProto], shape: list[Any], *weights: Any) -> str:
    """Write a model with input ``x`` of that shape and output ``y``; return its sha256."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(w, t), n) for n, w, t in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def echo(path: Path, shape: list[Any]) -> str:
    """A model that gives back its input, flattened."""
    return save(path, [helper.make_node("Flatten", ["x"], ["y"])], shape)


def constant(path: Path, values: list[float]) -> str:
    """A model that gives the same row for each crop of an 8 x 8 grey input."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["m"], keepdims=0),
        helper.make_node("Unsqueeze", ["m", "one"], ["u"]),
        helper.make_node("Mul", ["u", "zero"], ["z"]),
        helper.make_node("Add", ["z", "row"], ["y"]),
    ]
    weights = (
        ("axes", [1, 2, 3], np.int64),
        ("one", [1], np.int64),
        ("zero", 0, np.float32),
        ("row", values, np.float32),
    )
    return save(path, nodes, ["N", 1, 8, 8], *weights)


def card(**changes: Any) -> dict[str, Any]:
    """A valid card of an 8 x 8 grey gender judge, with changes."""
    base = {
        "name": "tiny",
        "task": "gender",
        "model": "tiny.onnx",
        "source": "a test",
        "licence": "MIT",
        "training_data": "none",
        "input": {"size": 8, "channels": "gray"},
        "crop": {"frame": "canonical"},
        "output": {"male": 0},
    }
    return {**base, **changes}


def parsed(**changes: Any) -> JudgeCard:
    """The same as a :class:`JudgeCard`."""
    return JudgeCard.from_json(card(**changes))
