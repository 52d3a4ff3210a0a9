"""What the build makes of the detector's file: free sizes, and nothing else."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from faceveil.imaging.detect import CENTERFACE_SHA256

onnx = pytest.importorskip("onnx", reason="needs the dev extra")
import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hook(monkeypatch):
    """The hook as a module, whether hatchling, which builds, is installed or not."""
    name = "hatchling.builders.hooks.plugin.interface"
    stand_in = ModuleType(name)
    vars(stand_in).update(vars(SimpleNamespace(BuildHookInterface=object)))
    monkeypatch.setitem(sys.modules, name, stand_in)
    for end in range(1, 5):
        parent = ".".join(name.split(".")[:end])
        monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    spec = importlib.util.spec_from_file_location("build_hook", ROOT / "build_hook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model():
    weight = numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "w")
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [10, 3, 32, 32]),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3, 3, 3]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [10, 2, 32, 32])
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    graph = helper.make_graph([node], "g", inputs, [output], [weight])
    imports = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()


def test_sizes_are_free_and_nothing_else_changes(hook):
    freed, original = (
        onnx.load_from_string(hook.free_sizes(model())),
        onnx.load_from_string(model()),
    )
    onnx.checker.check_model(freed)
    assert [i.name for i in freed.graph.input] == ["x"]
    for value, before in (
        (freed.graph.input[0], ["x_0", 3, "x_2", "x_3"]),
        (freed.graph.output[0], ["y_0", 2, "y_2", "y_3"]),
    ):
        dims = value.type.tensor_type.shape.dim
        assert [d.dim_value or d.dim_param for d in dims] == before
    assert freed.graph.node == original.graph.node
    assert freed.graph.initializer == original.graph.initializer


def test_runs_at_other_sizes(hook):
    session = ort.InferenceSession(hook.free_sizes(model()))
    (out,) = session.run(None, {"x": np.ones((1, 3, 5, 9), np.float32)})
    assert out.shape == (1, 2, 5, 9)
    assert out[0, 0, 2, 4] == 27


def test_the_detector_that_is_built_is_the_one_that_is_loaded(hook):
    (detector,) = [f for f in hook.FILES if f.target.endswith("centerface.onnx")]
    assert detector.changed == CENTERFACE_SHA256
    assert detector.change is hook.free_sizes
    again = hook.free_sizes((ROOT / detector.target).read_bytes())
    assert hook._digest(again) == CENTERFACE_SHA256  # what is free stays so
