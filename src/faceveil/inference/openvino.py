"""Networks on OpenVINO: the same ONNX graphs, quicker than ONNX Runtime on many processors.

The extra ``fast``. Outputs differ from ONNX Runtime's by rounding (1e-5 in float32, 4e-3 of the
range in bfloat16).
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from functools import lru_cache
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any, Literal

import numpy as np

from faceveil.errors import OptionError
from faceveil.inference.device import Precision, usable_cores
from faceveil.inference.model import TOGETHER, Feed, parts_of
from faceveil.types import Float32Array

GAIN = 0.9
"""With the precision ``auto``, bfloat16 is taken below this share of float32's time."""

_TELEMETRY = "openvino_telemetry"
_LOADING = threading.Lock()


def core() -> Any:
    """OpenVINO's core, which sends nothing to anybody, ready for calls of several threads."""
    with _LOADING:
        return _core()


@lru_cache(maxsize=1)
def _core() -> Any:
    # Importing openvino imports the converters of models, which write an identifier into the user's
    # folder and call home, unless the package for that cannot be imported.
    if "openvino" not in sys.modules and _TELEMETRY not in sys.modules:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # import then fails
        try:
            import_module("openvino")
        finally:
            del sys.modules[_TELEMETRY]
    openvino = import_module("openvino")
    made = openvino.Core()
    # Two threads that make the first call of all at the same time wait for each other for ever
    # (2026.4: a static variable that takes the GIL). So the first call is made here.
    given = openvino.opset13.parameter([1], np.float32)
    nothing = openvino.Model([openvino.opset13.relu(given)], [given])
    first = made.compile_model(nothing, "CPU").create_infer_request()
    first.infer({0: np.zeros(1, np.float32)}, share_inputs=True, share_outputs=True)[0].copy()
    return made


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 (AVX-512 BF16, AMX, or ARM's)."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVINONetwork:
    """One network; safe to share between threads.

    Args:
        model: the ONNX file's bytes; the first dimension of all inputs is free.
        threads: threads inside one call; 0 takes all cores.
        precision: ``float32`` or ``bfloat16``.

    Raises:
        RuntimeError: if OpenVINO does not take the model.
    """

    def __init__(
        self, model: bytes, threads: int, precision: Literal["float32", "bfloat16"]
    ) -> None:
        cores = usable_cores()
        each = threads or cores
        streams = max(1, cores // each)  # calls of several threads at the same time
        settings = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams * each,
            "ENABLE_CPU_PINNING": False,  # other sessions and processes want cores as well
        }
        self._model = core().compile_model(core().read_model(model, b""), "CPU", settings)
        self._idle: SimpleQueue[Any] = SimpleQueue()  # a request serves one thread at a time
        self.runs_on = (
            "CPU (OpenVINO)" if precision == "float32" else f"CPU (OpenVINO, {precision})"
        )

    def __call__(self, feed: Feed) -> list[Float32Array]:
        """All outputs for any number of faces; see :class:`.model.Network`."""
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._model.create_infer_request()
        found = []
        for part in parts_of(feed, TOGETHER):
            result = request.infer(part, share_inputs=True, share_outputs=True)
            found.append([np.array(output, np.float32) for output in result.values()])
        self._idle.put(request)  # not after an error: a new one is made then
        return [np.concatenate(output) for output in zip(*found, strict=True)]

    def seconds(self, runs: int = 5) -> float:
        """Median time of one call with a face and its mirror image, after a first call."""
        shapes = {i.get_any_name(): i.get_partial_shape() for i in self._model.inputs}
        feed = {
            name: np.full([2 if d.is_dynamic else d.get_length() for d in shape], 0.5, np.float32)
            for name, shape in shapes.items()
        }
        times = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            self(feed)
            times.append(time.perf_counter() - start)
        return statistics.median(times[1:])


def openvino_network(model: bytes, threads: int, precision: Precision) -> OpenVINONetwork:
    """A network in the precision that is asked for; ``auto`` measures which one is quicker here.

    Args:
        model: the ONNX file's bytes.
        threads: threads inside one call; 0 takes all cores.
        precision: what is asked for.

    Raises:
        OptionError: if bfloat16 is asked for and the processor has none.
        RuntimeError: if OpenVINO does not take the model.
    """
    if precision == "bfloat16" and not has_bfloat16():
        raise OptionError(
            "precision: got bfloat16, which this processor does not compute in; expected float32, "
            "or auto, which looks for itself"
        )
    if precision == "bfloat16":
        return OpenVINONetwork(model, threads, "bfloat16")
    reference = OpenVINONetwork(model, threads, "float32")
    if precision == "float32" or not has_bfloat16():
        return reference
    reduced = OpenVINONetwork(model, threads, "bfloat16")
    return reduced if reduced.seconds() < GAIN * reference.seconds() else reference
