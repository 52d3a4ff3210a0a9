"""One SAN, forward at 224 px: FaceVeil's graph beside the same network written plainly.

``python benchmarks/forward.py [--models ../shared/models]``

All compute the same function of the same weights, but for the authors' released graph, which has
its own. Ours in ONNX Runtime also warps the prototypes to the face; the others get them ready-made.
The networks run in turn, so that all meet the same disturbances; the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from machine import machine
from quantised import quantised
from safetensors.torch import load_file
from torch import Tensor

from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import CPU, Precision
from faceveil.inference.openvino import openvino_network
from faceveil.inference.session import make_session
from faceveil.systems.san.inference import SANInference
from faceveil.systems.san.network import SAN
from faceveil.systems.san.prototypes import PrototypeSAN
from faceveil.training.export import export_onnx
from faceveil.training.networks.layout import channels_last
from faceveil.types import Float32Array

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "forward.json"
SIDE = 224
ROUNDS = 2
WARM, LASTS = 1.0, 1.5
"""Seconds: a machine whose cores were idle takes some hundred milliseconds to its full speed."""
AUTHORS = "iprobe_san_autoencoder.onnx"
EAGER, PLAIN = "plain, torch eager", "plain, ONNX Runtime"
NETWORKS = (
    EAGER,
    "plain, torch compiled",
    PLAIN,
    "authors' graph, ONNX Runtime",
    "ours, torch bfloat16",
    "ours, ONNX Runtime",
    "ours, ONNX Runtime int8",
    "plain, OpenVINO",
    "ours, OpenVINO",
    "ours, OpenVINO bfloat16",
)
Run = Callable[[], Float32Array]


def model(*, rewrite: bool) -> PrototypeSAN:
    """The shipped SAN's weights at 224 px, its mean faces enlarged."""
    state = load_file(WEIGHTS / "san.safetensors")
    faces = torch.nn.functional.interpolate(state["prototypes"].float(), SIDE, mode="bilinear")
    made = PrototypeSAN(SAN(rewrite=rewrite), faces)
    own = {k.removeprefix("san."): v.float() for k, v in state.items() if k.startswith("san.")}
    made.san.load_state_dict(own)
    return made.eval()


def faces(count: int) -> dict[str, Tensor]:
    """Random faces to be turned to the other gender; the prototypes are not warped."""
    male = (torch.arange(count) % 2).float()
    image = torch.rand(count, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    theta = torch.eye(2, 3).repeat(count, 1, 1)
    return {"image": image, "male": male, "target": 1 - male, "theta": theta}


def ready_made(count: int) -> dict[str, Tensor]:
    """The same faces with the prototypes as pictures: what a plain SAN takes."""
    given, (female, male) = faces(count), model(rewrite=False).prototypes
    own = torch.stack([male if m else female for m in given["male"]])
    other = torch.stack([female if m else male for m in given["male"]])
    return {"image": given["image"], "same": own, "target": other}


def export(folder: Path) -> None:
    """Write the graphs that ONNX Runtime runs."""
    plain, ours = model(rewrite=False).san, SANInference(model(rewrite=True))
    export_onnx(plain, ready_made(2), "output", folder / "plain.onnx")
    export_onnx(ours, faces(2), "output", folder / "ours.onnx")
    quantised(folder / "ours.onnx", folder / "int8.onnx", [_numpy(faces(4))])


def prepare(name: str, count: int, folder: Path, models: Path, threads: int) -> Run:
    """What runs one network on a batch."""
    if "OpenVINO" in name:
        return _openvino(name, count, folder, threads)
    if "torch" in name:
        kind = torch.bfloat16 if "bfloat16" in name else torch.float32
        network: Any = model(rewrite=name.startswith("ours")).san
        if kind is torch.bfloat16:
            network = channels_last(network).to(kind)
        if "compiled" in name:
            network = torch.compile(network)
        given = [x.to(kind) for x in ready_made(count).values()]
        return lambda: network(*given).float().numpy()
    file = {"plain": "plain", "ours": "int8" if "int8" in name else "ours"}.get(name.split(",")[0])
    path = models / "iprobe_san_autoencoder.onnx" if file is None else folder / f"{file}.onnx"
    if name.startswith("ours"):
        net = make_session(path.read_bytes(), threads, [CPU])
    else:  # as ONNX Runtime is set by itself
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        net = ort.InferenceSession(str(path), options, providers=[CPU])
    feed = _numpy(faces(count) if name.startswith("ours") else ready_made(count))
    names = [i.name for i in net.get_inputs()]
    if file is None:
        feed = dict(zip(("image", "proto_same", "proto_oppo"), feed.values(), strict=True))
    return lambda: np.asarray(net.run(None, {k: feed[k] for k in names})[0])


def _openvino(name: str, count: int, folder: Path, threads: int) -> Run:
    """The same graphs as the package runs them where the extra ``fast`` is installed."""
    which = name.split(",")[0]
    feed = _numpy(faces(count) if which == "ours" else ready_made(count))
    precision: Precision = "bfloat16" if "bfloat16" in name else "float32"
    net = openvino_network((folder / f"{which}.onnx").read_bytes(), threads, precision)
    return lambda: net(feed)[0]


def _numpy(given: dict[str, Tensor]) -> dict[str, Float32Array]:
    return {k: v.numpy() for k, v in given.items()}


def child(name: str, count: int, runs: int, folder: Path, models: Path) -> None:
    """Time one network in this process; its times and output go to files of the folder."""
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    with torch.inference_mode():
        run = prepare(name, count, folder, models, threads)
        result, times = run(), []
        begin = time.perf_counter()
        while time.perf_counter() - begin < WARM:
            run()
        begin = time.perf_counter()
        while len(times) < runs or time.perf_counter() - begin < LASTS:
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    np.save(folder / "result.npy", result)
    (folder / "times.json").write_text(json.dumps(times))


def measure(count: int, runs: int, folder: Path, models: Path) -> list[dict[str, Any]]:
    """Every network in turn, in a process of its own, round by round.

    The activations of one plain network at batch 32 take gigabytes: all at once would not fit.
    """
    names = [n for n in NETWORKS if "authors" not in n or (models / AUTHORS).is_file()]
    times: dict[str, list[float]] = {n: [] for n in names}
    outputs = {}
    for _ in range(ROUNDS):
        for name in names:
            command = [sys.executable, "-W", "ignore", __file__, "--child", name]
            command += ["--batch", str(count), "--runs", str(runs)]
            command += ["--folder", str(folder), "--models", str(models)]
            subprocess.run(command, check=True)
            times[name] += json.loads((folder / "times.json").read_text())
            outputs[name] = np.load(folder / "result.npy")
    ms = {name: 1000 * statistics.median(t) / count for name, t in times.items()}
    plain = outputs[EAGER]
    return [
        {
            "network": name,
            "batch": count,
            "ms_a_face": round(ms[name], 3),
            "times_as_fast_as_eager": round(ms[EAGER] / ms[name], 2),
            "times_as_fast_as_plain_onnx": round(ms[PLAIN] / ms[name], 2),
            "largest_difference": None
            if "authors" in name
            else float(np.abs(outputs[name] - plain).max()),
        }
        for name in names
    ]


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=ROOT.parent / "shared" / "models")
    parser.add_argument("--runs", type=int, default=5, help="in each round, at least")
    parser.add_argument("--batch", type=int, action="append", help="default: 1 and 32")
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--child", choices=NETWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.child:
        child(a.child, a.batch[0], a.runs, a.folder, a.models)
        return
    facts, rows = machine("torch", "onnxruntime", "openvino"), []
    with tempfile.TemporaryDirectory() as name:
        export(Path(name))
        for count in a.batch or (1, 32):
            found = measure(count, a.runs, Path(name), a.models)
            rows += found
            for row in found:
                print(json.dumps(row), flush=True)
    document = {"machine": facts, "side_px": SIDE, "networks": rows}
    a.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
