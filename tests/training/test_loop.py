"""The loop: a run that is stopped and resumed gives the same weights as one that is not."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.errors import ModelError  # noqa: E402
from faceveil.training import checkpoint, loop  # noqa: E402


class StopError(Exception):
    pass


def run(directory, stop_at=None, steps=20):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(net.parameters())

    def step(index, generator):
        if index == stop_at:
            raise StopError
        x = torch.rand(6, 4, generator=generator)
        loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
        return loss, {"loss": float(loss.detach())}

    means = loop.run(
        step, {"net": net}, optimizer, directory, steps=steps, peak=1e-2, seed=7, save_every=5
    )
    return net.state_dict(), means


@pytest.mark.parametrize("stop_at", [1, 5, 13, 19])
def test_resumed_is_bit_identical(tmp_path, stop_at):
    straight, means = run(tmp_path / "a")
    with pytest.raises(StopError):
        run(tmp_path / "b", stop_at)
    resumed, resumed_means = run(tmp_path / "b")
    assert all(torch.equal(straight[k], resumed[k]) for k in straight)
    assert resumed_means == means  # to the last bit, since they are what is measured


def test_a_finished_run_says_again_what_it_measured(tmp_path):
    _, means = run(tmp_path)
    assert means["loss"] > 0
    _, again = run(tmp_path)
    assert again == means


def test_schedule_rises_and_falls():
    rates = [loop.one_cycle(s, 100, 1.0) for s in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[-1] < 0.02
    assert rates.index(max(rates)) == 20


def test_wrong_network_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    net = torch.nn.Linear(2, 2)
    checkpoint.save(path, 3, {"net": net}, torch.optim.AdamW(net.parameters()))
    assert checkpoint.load(path, {"net": torch.nn.Linear(2, 2)}) == 3
    with pytest.raises(ModelError, match="does not fit"):
        checkpoint.load(path, {"net": torch.nn.Linear(3, 2)})
    with pytest.raises(ModelError, match="no such file"):
        checkpoint.load(tmp_path / "none.safetensors", {})


def test_checkpoints_are_the_same_bytes_every_time(tmp_path):
    net = torch.nn.Linear(2, 2)
    files = [tmp_path / f"{i}.safetensors" for i in range(8)]
    for path in files:
        checkpoint.save(path, 3, {"net": net}, torch.optim.AdamW(net.parameters()), {"a": 0.1})
    assert len({path.read_bytes() for path in files}) == 1
    assert checkpoint.means_of(files[0]) == {"a": 0.1}


def test_checkpoint_of_an_earlier_version_is_read(tmp_path):
    from safetensors.torch import save_file

    net = torch.nn.Linear(2, 2)
    tensors = {f"net.{k}": v for k, v in net.state_dict().items()}
    save_file(tensors, tmp_path / "c.safetensors", metadata={"step": "7"})
    assert checkpoint.load(tmp_path / "c.safetensors", {"net": torch.nn.Linear(2, 2)}) == 7
    assert checkpoint.means_of(tmp_path / "c.safetensors") == {}


def test_schedules_of_the_papers():
    step, linear, constant = (loop.SCHEDULES[n] for n in ("step", "linear", "constant"))
    assert [step(s, 10, 1.0) for s in (0, 7, 8, 9)] == [1, 1, 0.1, 0.1]
    assert [linear(s, 10, 1.0) for s in (0, 5, 6, 9)] == pytest.approx([1, 1, 0.8, 0.2])
    assert {constant(s, 10, 0.3) for s in range(10)} == {0.3}
