"""Training killed with SIGKILL at random steps, then resumed: are the weights the same bits?

``python -m benchmarks.reliability.training [--count 20] [--steps 40] [--seed 0]``. Needs the
extra ``train``.

A small SAN (128 px, batches of 4, a matcher of random weights) on pictures made here, a checkpoint
after every fifth step. Half of the kills come between two steps, half some milliseconds into one.
Each run is a process of its own, forked from one that has loaded torch already.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import cv2
import numpy as np
from benchmarks.reliability.common import digests, quiet, report, run

MATCHER = """
import sys
from pathlib import Path
from tests.training.networks.test_onnx_graph import small_graph
small_graph(Path(sys.argv[1]), side=112)
"""
CHILD = """
import json, os, signal, sys, threading, time
from pathlib import Path
from faceveil.training import loop, run, gender
from faceveil.systems.san import train as san
loop.run.__kwdefaults__["save_every"] = 5
real, calls = loop.step_generator, []
def train(recipe, folder, at, delay):
    def die():
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGKILL)
    def counted(seed, step):
        calls.append(step)
        if len(calls) == at:
            threading.Thread(target=die).start() if delay else die()
        return real(seed, step)
    loop.step_generator = counted
    run.run_recipe(Path(recipe), folder, folder, folder / "runs", "cpu", resume=True)
for line in sys.stdin:
    recipe, folder, at, delay = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(2, 1)
        train(recipe, Path(folder), at, delay)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
PRETRAIN = 10
KEPT = ("checkpoint.safetensors", "measured.json")


class Nursery:
    """A process that has loaded torch, and forks a child for every run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=quiet(),
        )  # fmt: skip

    def train(self, recipe: Path, folder: Path, at: int = 0, delay: float = 0.0) -> int:
        """Exit code of training that is killed at that call of a step; at none where it is 0."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._process.stdin.write(json.dumps([str(recipe), str(folder), at, delay]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer not in ("0", "-9"):
            self._process.kill()
            raise RuntimeError(f"training failed: {self._process.stderr.read()[-500:]}")
        return int(answer)

    def close(self) -> None:
        """Stop it."""
        self._process.communicate()


def prepare(folder: Path, steps: int, nursery: Nursery) -> Path:
    """Pictures, a matcher, an auxiliary classifier that is trained already, and the recipe."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    rows: dict[str, list[Any]] = {"image": [], "gender": [], "identity": []}
    for i in range(24):
        coarse = (rng.integers(0, 120, (16, 16, 3)) + 90 * (i % 2)).astype(np.uint8)
        face = cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC)
        rows["image"].append(cv2.imencode(".png", face)[1].tobytes())
        rows["gender"].append("fm"[i % 2])
        rows["identity"].append(str(i % 6))
    pq.write_table(pa.table(rows), folder / "pack.parquet")
    _must([sys.executable, "-c", MATCHER, str(folder / "matcher.onnx")])
    common = 'data = ["pack.parquet"]\nvalidation = "pack.parquet"\nbatch = 4\n'
    aux, san = folder / "aux.toml", folder / "tiny.toml"
    aux.write_text(
        f'name = "aux"\nkind = "gender"\nwidths = [4, 4, 4, 4, 4, 8]\nsteps = 4\n{common}'
    )
    san.write_text(
        f'name = "tiny"\nkind = "san"\nmatcher = "matcher.onnx"\nclassifiers = ["aux"]\n'
        f"pretrain_steps = {PRETRAIN}\nsteps = {steps}\n{common}"
    )
    nursery.train(aux, folder)
    return san


def _must(command: list[str]) -> str:
    done = run(command)
    if done.code != 0:
        raise RuntimeError(done.stderr[-500:])
    return done.stdout


def measure(count: int, steps: int, seed: int) -> dict[str, Any]:
    """So many kills, each resumed to the end and compared with the undisturbed run."""
    rng = random.Random(seed)
    killed_at, different, not_killed = [], [], 0
    with tempfile.TemporaryDirectory() as place, closing(Nursery()) as nursery:
        folder = Path(place)
        recipe = prepare(folder, steps, nursery)
        before = folder / "before"
        copytree(folder / "runs", before)
        nursery.train(recipe, folder)
        wanted = _results(folder / "runs")
        for i in range(count):
            rmtree(folder / "runs")
            copytree(before, folder / "runs")
            at, delay = rng.randint(1, PRETRAIN + steps), rng.uniform(0.001, 0.1) * (i % 2)
            not_killed += nursery.train(recipe, folder, at, delay) != -9
            killed_at.append(at)
            nursery.train(recipe, folder)
            found = _results(folder / "runs")
            different += [f"step {at}: {k}" for k in wanted if found.get(k) != wanted[k]]
    return {
        "kills": count,
        "steps": PRETRAIN + steps,
        "killed_at": sorted(killed_at),
        "ended_before_kill": not_killed,
        "compared": sorted(wanted),
        "different": different,
        "good": not different,
    }


def _results(runs: Path) -> dict[str, str]:
    return {k: v for k, v in digests(runs).items() if k.endswith(KEPT)}


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    report("training", {"seed": a.seed, **measure(a.count, a.steps, a.seed)})


if __name__ == "__main__":
    main()
