"""How far each shipped protector is from what this machine could do at best, on one thread.

``OMP_NUM_THREADS=1 python benchmarks/floor.py``

For each ONNX graph the multiply-adds of a face are counted from the shapes (convolutions and matrix
products; all else is free), and the bytes that must move at least once: weights, inputs, outputs.
The floor is the longer of multiply-adds over this machine's rate of matrix products and bytes over
its rate of copying. Which graphs a protector calls, and how often, is counted while it runs. Times
are of one thread, the least of several runs, in CPU time, since other work may share the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, shape_inference

from faceveil.inference.card import WEIGHTS, read_card
from faceveil.inference.device import Choice, Device, Precision
from faceveil.inference.openvino import OpenVINONetwork, openvino_network
from faceveil.systems.specs import build_crop_protector

RESULT = Path(__file__).parent / "results" / "floor.json"
METHODS = ("adaptive", "san", "ensemble", "flowsan", "mixing", "pgd", "cw")
ENGINES: tuple[tuple[Device, Precision], ...] = (
    ("cpu", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)
ON_OPENVINO = METHODS[:4]
SIDE = 1024
COPY_MB = 128


def at_one(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model for a batch of one, with the shapes of all its tensors."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in (*fixed.graph.input, *fixed.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = 1
    del fixed.graph.value_info[:]
    return shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True)


def shapes_of(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes by tensor, of a model from :func:`at_one`; tensors of unknown shape are left out."""
    graph = model.graph
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        dims = value.type.tensor_type.shape.dim
        if all(d.HasField("dim_value") for d in dims):
            shapes.setdefault(value.name, tuple(d.dim_value for d in dims))
    return shapes


def multiply_adds(model: onnx.ModelProto) -> int:
    """Multiply-adds of convolutions and matrix products, of a model from :func:`at_one`.

    Raises:
        KeyError: if the shape of one of them is unknown: a count too low would be no floor.
    """
    shapes, total = shapes_of(model), 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            weight, out = shapes[node.input[1]], shapes[node.output[0]]
            total += math.prod(out) * math.prod(weight[1:])  # (C_out, C_in / groups, k, k)
        elif node.op_type == "ConvTranspose":
            weight, given = shapes[node.input[1]], shapes[node.input[0]]
            total += math.prod(given) * math.prod(weight[1:])  # (C_in, C_out / groups, k, k)
        elif node.op_type in ("Gemm", "MatMul"):
            given, out = shapes[node.input[0]], shapes[node.output[0]]
            turned = any(a.name == "transA" and a.i for a in node.attribute)
            total += math.prod(out) * given[0 if turned else -1]
    return total


def least_bytes(model: onnx.ModelProto) -> int:
    """Bytes of weights, inputs and outputs at 32 bits, of a model from :func:`at_one`."""
    graph, shapes = model.graph, shapes_of(model)
    weights = {t.name for t in graph.initializer}
    numbers = sum(math.prod(t.dims) for t in graph.initializer)
    for value in (*graph.input, *graph.output):
        if value.name not in weights:
            numbers += math.prod(shapes[value.name])
    return 4 * numbers


def least_time(work: Callable[[], Any], runs: int) -> float:
    """CPU seconds of the quickest of several runs, after one to warm up."""
    work()
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def matrix_rate(runs: int) -> dict[str, float]:
    """Multiply-adds a second of 1024 x 1024 matrix products, by library; float32 but the last."""
    a, b = (np.random.default_rng(s).random((SIDE, SIDE), np.float32) for s in (0, 1))
    shape = [SIDE, SIDE]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "abc"]
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    graph = helper.make_graph([node], "product", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    raw = model.SerializeToString()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    product = ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    feed = {"a": a, "b": b}
    by_openvino = {p: openvino_network(raw, 1, p) for p in ("float32", "bfloat16")}

    def openvino_rate(precision: Precision) -> float:
        request = by_openvino[precision]._model.create_infer_request()
        return SIDE**3 / least_time(lambda: request.infer(feed, share_inputs=True), runs)

    return {
        "numpy": SIDE**3 / least_time(lambda: a @ b, runs),
        "onnxruntime": SIDE**3 / least_time(lambda: product.run(None, feed), runs),
        "openvino": openvino_rate("float32"),
        "openvino bfloat16": openvino_rate("bfloat16"),
    }


def copy_rate(runs: int) -> float:
    """Bytes read and written a second by a copy larger than the caches."""
    source = np.ones(COPY_MB << 18, np.float32)
    target = np.zeros_like(source)
    return 2 * source.nbytes / least_time(lambda: np.copyto(target, source), runs)


_NAMES: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Which of the package's models each session runs."""


def remember_sessions() -> None:
    """Note from now on which model a new session is made of: its bytes say it."""
    cards = {card.stem: read_card(card) for card in WEIGHTS.glob("*.json")}
    known = {card["sha256"]: name for name, card in cards.items() if "sha256" in card}
    for name, card in cards.items():  # some run with an input as a constant
        model = WEIGHTS / f"{name}.onnx"
        for constant in (
            c for values in card.get("constants", {}).values() for c in values.values()
        ):
            fixed = model.read_bytes() + bytes.fromhex(constant)
            known[hashlib.sha256(fixed).hexdigest()] = name
    for kind in (ort.InferenceSession, OpenVINONetwork):
        _remember(kind, known)


def _remember(kind: Any, known: dict[str, str]) -> None:
    make = kind.__init__

    def making(self: Any, model: Any, *rest: Any, **options: Any) -> None:
        make(self, model, *rest, **options)
        if isinstance(model, bytes):
            _NAMES[self] = known.get(hashlib.sha256(model).hexdigest(), "?")

    kind.__init__ = making


class Calls:
    """Counts the faces that each graph is asked for, and the time that takes."""

    def __init__(self) -> None:
        self.faces: Counter[str] = Counter()
        self.seconds = 0.0
        self._run, self._call = ort.InferenceSession.run, OpenVINONetwork.__call__

    def __enter__(self) -> Calls:
        def running(session: Any, names: Any, feed: dict[str, Any], *rest: Any) -> Any:
            return self._timed(session, feed, lambda: self._run(session, names, feed, *rest))

        def calling(net: Any, feed: dict[str, Any]) -> Any:
            return self._timed(net, feed, lambda: self._call(net, feed))

        ort.InferenceSession.run, OpenVINONetwork.__call__ = running, calling
        return self

    def _timed(self, net: Any, feed: dict[str, Any], work: Callable[[], Any]) -> Any:
        start = time.process_time()
        found = work()
        self.seconds += time.process_time() - start
        self.faces[_NAMES[net]] += len(next(iter(feed.values())))
        return found

    def __exit__(self, *_: object) -> None:
        ort.InferenceSession.run, OpenVINONetwork.__call__ = self._run, self._call


def measure(
    name: str,
    engine: tuple[Device, Precision],
    batch: int,
    runs: int,
    macs_s: float,
    bytes_s: float,
) -> dict[str, Any]:
    """One protector, ``batch`` faces at a time."""
    protector = build_crop_protector(name, choice=Choice(*engine, threads=1))
    shape = (batch, 224, 224) if protector.channels == 1 else (batch, 224, 224, 3)
    faces = np.random.default_rng(0).random(shape, np.float32)
    male = (np.arange(batch) % 2).astype(np.float32)

    def work() -> None:
        protector.protect(faces, male, 1 - male, None)

    with Calls() as calls:
        work()
        calls.seconds, calls.faces = 0.0, Counter()
        work()
    graphs = {n: at_one(onnx.load(str(WEIGHTS / f"{n}.onnx"))) for n in calls.faces}
    asked = {n: count / batch for n, count in calls.faces.items()}
    macs = sum(times * multiply_adds(graphs[n]) for n, times in asked.items())
    moved = sum(times * least_bytes(graphs[n]) for n, times in asked.items())
    floor = max(macs / macs_s, moved / bytes_s)
    networks, whole = np.inf, np.inf
    for _ in range(runs):
        with Calls() as calls:
            start = time.process_time()
            work()
            whole = min(whole, (time.process_time() - start) / batch)
        networks = min(networks, calls.seconds / batch)
    return {
        "method": name,
        "device": engine[0],
        "precision": engine[1],
        "batch": batch,
        "graph_calls_a_face": asked,
        "multiply_adds_a_face": round(macs),
        "least_bytes_a_face": round(moved),
        "floor_ms": round(1000 * floor, 3),
        "bound_by": "multiply-adds" if macs / macs_s >= moved / bytes_s else "bytes",
        "networks_ms": round(1000 * networks, 3),
        "whole_ms": round(1000 * whole, 3),
        "networks_at": round(floor / networks, 3),
        "whole_at": round(floor / whole, 3),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="of which the quickest counts")
    parser.add_argument("--batch", type=int, default=1, help="faces at a time")
    a = parser.parse_args()
    remember_sessions()
    rates, copying = matrix_rate(a.runs), copy_rate(a.runs)
    halved = rates["openvino bfloat16"]
    best = max(rate for name, rate in rates.items() if "bfloat16" not in name)
    rows = []
    for name, engine in ((n, e) for n in METHODS for e in ENGINES):
        if engine[0] == "openvino" and name not in ON_OPENVINO:
            continue
        runs = a.runs if name not in ("pgd", "cw") else 3
        rate = halved if engine[1] == "bfloat16" else best
        rows.append(measure(name, engine, a.batch, runs, rate, copying))
        print(json.dumps(rows[-1]), flush=True)
    found = {
        "multiply_adds_a_second": {k: round(v) for k, v in rates.items()},
        "copied_bytes_a_second": round(copying),
        "threads": 1,
        "protectors": rows,
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
        "openvino": version("openvino"),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({k: v for k, v in found.items() if k != "protectors"}, indent=1))


if __name__ == "__main__":
    main()
