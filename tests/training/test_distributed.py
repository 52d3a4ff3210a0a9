"""Two CPU processes, started as ``torchrun`` starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
from safetensors.torch import load_file  # noqa: E402

import faceveil.systems.recipes  # noqa: E402, F401  makes their kinds known
from faceveil.errors import OptionError  # noqa: E402
from faceveil.training import distributed, loop  # noqa: E402
from faceveil.training.run import run_recipe  # noqa: E402

ROOT = Path(__file__).parents[2]
WORKER = """
import sys
from pathlib import Path
import torch
from faceveil.training import distributed, loop
from tests.training.test_distributed import network, regression

with distributed.group("cpu"):
    assert distributed.world() == 2 and distributed.share(6) == 3
    assert distributed.agreed(7) and not distributed.agreed(distributed.rank())
    net = network(seed=distributed.rank())  # they begin apart: the first one's weights count
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loop.run(regression(net), {"net": net}, optimizer, Path(sys.argv[1]), steps=7, peak=0.1, seed=5)
    torch.save(net.state_dict(), f"{sys.argv[1]}/rank{distributed.rank()}.pt")
distributed.leave(0)
"""


def network(seed):
    torch.manual_seed(seed)
    return torch.nn.Linear(3, 1)


def regression(net):
    def step(_, generator):
        x = torch.randn(4, 3, generator=generator)
        loss = (net(x)[:, 0] - x.sum(dim=1)).square().mean()
        return loss, {"loss": float(loss.detach())}

    return step


def by_hand(steps):
    """What two processes should do: as one does with both batches as one."""
    net = network(seed=0)
    for step in range(steps):
        seeds = (5 * 1_000_003 + step + rank * 7_368_787 for rank in (0, 1))
        x = torch.cat(
            [torch.randn(4, 3, generator=torch.Generator().manual_seed(s)) for s in seeds]
        )
        net.zero_grad()
        (net(x)[:, 0] - x.sum(dim=1)).square().mean().backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= loop.one_cycle(step, steps, 0.1) * p.grad
    return net.state_dict()


def launch(folder, *command):
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*start, *map(str, command)], cwd=folder, env=env, capture_output=True, text=True
    )


def test_two_processes_average_their_gradients(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    done = launch(tmp_path, script, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    ranks = [torch.load(tmp_path / f"rank{r}.pt", weights_only=True) for r in (0, 1)]
    saved = load_file(tmp_path / "checkpoint.safetensors")
    for name, wanted in by_hand(7).items():
        assert torch.equal(ranks[0][name], ranks[1][name])
        assert torch.equal(ranks[0][name], saved[f"net.{name}"])
        torch.testing.assert_close(ranks[0][name], wanted, atol=1e-6, rtol=1e-5)


def test_alone_nothing_happens():
    net = network(0)
    net(torch.ones(1, 3)).sum().backward()
    before = [p.grad.clone() for p in net.parameters()]
    distributed.average_gradients(list(net.parameters()))
    assert all(torch.equal(a, p.grad) for a, p in zip(before, net.parameters(), strict=True))
    assert (distributed.rank(), distributed.world(), distributed.share(5)) == (0, 1, 5)
    assert distributed.any_true(True)
    assert distributed.agreed(3)
    assert not distributed.any_true(False)


def test_alone_nobody_leaves(monkeypatch):
    monkeypatch.setattr(distributed.os, "_exit", lambda code: pytest.fail("left"))
    monkeypatch.setenv("WORLD_SIZE", "1")
    distributed.leave(0)


def test_uneven_batches_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: 2)
    with pytest.raises(OptionError, match="expected a multiple"):
        distributed.share(5)


@pytest.mark.parametrize("device", ["tpu", "cuda"])
def test_devices_that_are_not_there(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match="device"), distributed.group(device):
        pass


def small_data(folder):
    """A pack of noise, a small matcher."""
    pa = pytest.importorskip("pyarrow", reason="needs the train extra")
    import cv2
    import numpy as np
    import pyarrow.parquet as pq

    from tests.training.networks.test_onnx_graph import small_graph

    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (16, 128, 128, 3), dtype=np.uint8)
    images = [cv2.imencode(".png", f)[1].tobytes() for f in faces]
    pq.write_table(pa.table({"image": images, "gender": ["m", "f"] * 8}), folder / "p.parquet")
    small_graph(folder / "m.onnx", side=112)


TRAIN = ("train", "--data", ".", "--models", ".", "--device", "cpu")


def test_hosts_without_a_common_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "agreed", lambda step: False)
    net = network(0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(OptionError, match="a folder of runs that all hosts share"):
        loop.run(regression(net), {"net": net}, optimizer, tmp_path, steps=2, peak=0.1, seed=5)


def test_a_flow_trains_in_two_processes(tmp_path):
    """Pre-training, a stage, its cached outputs and the next stage: files that both read."""
    small_data(tmp_path)
    common = 'data = ["p.parquet"]\nvalidation = "p.parquet"\nsteps = 2\nbatch = 4\n'
    widths = "widths = [4, 4, 4, 4, 4, 8]\n"
    san = 'kind = "san"\nmatcher = "m.onnx"\nclassifiers = ["g"]\npretrain_steps = 2\n'
    recipes = {
        "g": 'kind = "gender"\n' + widths,
        "one": san + "anchored = true\n",
        "two": san + 'anchored = true\nstart = "one"\nafter = ["one"]\n',
    }
    for name, text in recipes.items():
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\n{common}{text}')
        done = launch(tmp_path, "-m", "faceveil", *TRAIN, f"{name}.toml")
        assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "runs/one/outputs.npy").is_file()
    assert (tmp_path / "runs/two/measured.json").is_file()


CRASHING = """
import sys
from faceveil.cli.main import main
from faceveil.training import loop

real = loop.step_generator

def stopping(seed, step):
    if step == 3:
        raise KeyError("as a machine that is taken away")
    return real(seed, step)

loop.step_generator = stopping
loop.run.__kwdefaults__["save_every"] = 1
main(sys.argv[1:])
"""


def test_the_default_trains_in_two_processes_and_goes_on(tmp_path):
    """Both die after an attacker began again; resumed, the weights are of an undisturbed run."""
    small_data(tmp_path)
    aux = (
        'kind = "gender"\nname = "aux"\ndata = ["p.parquet"]\nvalidation = "p.parquet"\n'
        "frame = 64\nwidths = [8, 8]\nbatch = 4\nsteps = 2\n"
    )
    (tmp_path / "aux.toml").write_text(aux)
    (tmp_path / "crashing.py").write_text(CRASHING)
    run_recipe(tmp_path / "aux.toml", tmp_path, tmp_path, tmp_path / "runs", "cpu")
    for name in ("straight", "stopped"):
        (tmp_path / f"{name}.toml").write_text(
            f'kind = "adaptive"\nname = "{name}"\ndata = ["p.parquet"]\nmatcher = "m.onnx"\n'
            'guides = ["aux"]\nwidths = [16, 16]\nbatch = 4\nsteps = 4\nfresh_every = 2\n'
            "attackers = 2\nsheet_every = 4\n"
        )
    assert launch(tmp_path, "crashing.py", *TRAIN, "stopped.toml").returncode == 1
    for name, more in (("stopped", ["--resume"]), ("straight", [])):
        done = launch(tmp_path, "-m", "faceveil", *TRAIN, f"{name}.toml", *more)
        assert done.returncode == 0, done.stderr[-3000:]
    runs = [tmp_path / "runs" / name for name in ("straight", "stopped")]
    one, other = ((run / "checkpoint.safetensors").read_bytes() for run in runs)
    assert one == other
    assert json.loads((runs[0] / "run.json").read_text())["processes"] == 2
