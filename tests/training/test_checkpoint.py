"""Checkpoints that are damaged, or that somebody else made: one clear line each."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from faceveil.errors import ModelError  # noqa: E402
from faceveil.training import checkpoint  # noqa: E402


def trained():
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    return net, optimizer


@pytest.fixture
def whole(tmp_path):
    net, optimizer = trained()
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, 3, {"net": net}, optimizer, {"loss": 0.5})
    return path


def parts(path):
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["run"]), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118


def rewritten(path, change):
    said, tensors = parts(path)
    change(said, tensors)
    save_file(tensors, path, metadata={"run": json.dumps(said)})


def test_what_was_saved_is_restored(whole):
    net, optimizer = trained()
    assert checkpoint.load(whole, {"net": net}, optimizer) == 3
    said, tensors = parts(whole)
    assert torch.equal(net.weight, tensors["net.weight"])
    state = optimizer.state_dict()["state"][0]
    assert torch.equal(state["exp_avg"], tensors["optimizer.0.exp_avg"])
    assert len(said["sha256"]) == 64


BAD_RUNS = {
    "step is none": lambda run, _: run.pop("step"),
    "step is text": lambda run, _: run.update(step="3"),
    "step is below 0": lambda run, _: run.update(step=-1),
    "step is a fraction": lambda run, _: run.update(step=2.5),
    "step is true": lambda run, _: run.update(step=True),
    "means are a list": lambda run, _: run.update(means=[1]),
    "a mean is text": lambda run, _: run.update(means={"loss": "low"}),
    "digest is a number": lambda run, _: run.update(sha256=5),
    "a weight is another": lambda _, t: t["net.weight"].add_(1),
    "a moment is gone": lambda _, t: t.pop("optimizer.0.exp_avg"),
    "a tensor more": lambda _, t: t.update({"net.more": torch.zeros(1)}),
}


@pytest.mark.parametrize("name", BAD_RUNS)
def test_changed_checkpoints(whole, name):
    rewritten(whole, BAD_RUNS[name])
    net, optimizer = trained()
    with pytest.raises(ModelError, match="damaged") as caught:
        checkpoint.load(whole, {"net": net}, optimizer)
    assert "\n" not in str(caught.value)


BAD_STATES = {
    "no number": {"optimizer.a.exp_avg": torch.zeros(2, 3)},
    "no name": {"optimizer.0": torch.zeros(2, 3)},
    "of no weight": {"optimizer.77.exp_avg": torch.zeros(2, 3)},
    "of another shape": {"optimizer.0.exp_avg": torch.zeros(7)},
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_bad_states_without_a_digest(whole, name):
    """Of an earlier version, which had none."""

    def change(run, tensors):
        del run["sha256"]
        tensors |= BAD_STATES[name]

    rewritten(whole, change)
    net, optimizer = trained()
    with pytest.raises(ModelError, match=r"damaged \(the optimiser's state"):
        checkpoint.load(whole, {"net": net}, optimizer)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 500])
def test_no_run(whole, text):
    _, tensors = parts(whole)
    save_file(tensors, whole, metadata={"run": text})
    for read in (lambda: checkpoint.load(whole, {}), lambda: checkpoint.means_of(whole)):
        with pytest.raises(ModelError, match="damaged"):
            read()


@pytest.mark.parametrize("seed", range(12))
def test_damaged_bytes(whole, seed):
    rng = np.random.default_rng(seed)
    raw = bytearray(whole.read_bytes())
    if seed % 3 == 0:
        raw = raw[: int(rng.integers(len(raw)))]
    else:
        raw[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
    whole.write_bytes(bytes(raw))
    net, optimizer = trained()
    with pytest.raises(ModelError) as caught:
        checkpoint.load(whole, {"net": net}, optimizer)
    assert "\n" not in str(caught.value)
