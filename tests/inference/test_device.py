"""Which provider is taken, without a GPU: from lists such as ONNX Runtime gives."""

import os

import pytest

from faceveil.errors import OptionError
from faceveil.inference import device
from faceveil.inference.card import WEIGHTS, read_card
from faceveil.inference.device import (
    Choice,
    name_of,
    providers_for,
    quota_cores,
    usable_cores,
)
from faceveil.inference.session import session

CPU, CUDA, TENSORRT = (f"{n}ExecutionProvider" for n in ("CPU", "CUDA", "Tensorrt"))
PLAIN = ["AzureExecutionProvider", CPU]
GPU = [TENSORRT, CUDA, CPU]


class FakeSession:
    def __init__(self, *providers):
        self.get_providers = lambda: list(providers)


@pytest.mark.parametrize(
    ("wish", "available", "taken"),
    [
        ("auto", PLAIN, [CPU]),
        ("auto", GPU, [CUDA, CPU]),
        ("auto", [TENSORRT, CPU], [TENSORRT, CPU]),
        ("cuda", GPU, [CUDA, CPU]),
        ("cpu", GPU, [CPU]),
        ("openvino", GPU, [CPU]),
    ],
)
def test_providers(wish, available, taken):
    assert providers_for(wish, available) == taken


def test_a_gpu_that_is_not_there_is_one_clear_line(monkeypatch):
    with pytest.raises(OptionError, match="no provider for it; install onnxruntime-gpu") as error:
        providers_for("cuda", PLAIN)
    assert "\n" not in str(error.value)
    with pytest.raises(OptionError, match="got 'tpu'; expected one of auto, cpu, openvino, cuda"):
        providers_for("tpu", GPU)
    monkeypatch.setattr(device.ort, "get_available_providers", lambda: PLAIN)
    with pytest.raises(OptionError):
        Choice("cuda")
    assert Choice("cpu").providers == (CPU,)


@pytest.mark.parametrize(
    ("wish", "installed", "available", "on_openvino"),
    [
        ("auto", True, PLAIN, True),
        ("auto", True, GPU, False),
        ("auto", False, PLAIN, False),
        ("cpu", True, PLAIN, False),
        ("openvino", True, GPU, True),
        ("cuda", True, GPU, False),
    ],
)
def test_when_faces_are_changed_by_openvino(monkeypatch, wish, installed, available, on_openvino):
    monkeypatch.setattr(device, "openvino_installed", lambda: installed)
    monkeypatch.setattr(device.ort, "get_available_providers", lambda: available)
    choice = Choice(wish)
    assert choice.on_openvino is on_openvino
    assert Choice(choice.settled).on_openvino is on_openvino


@pytest.mark.parametrize(
    ("wish", "precision", "message"),
    [
        ("openvino", "float32", "pip install"),
        ("auto", "bfloat16", "only OpenVINO computes in"),
        ("cpu", "bfloat16", "only OpenVINO computes in"),
        ("auto", "float16", "got 'float16'; expected one of float32, bfloat16, auto"),
    ],
)
def test_a_choice_that_cannot_be_had(monkeypatch, wish, precision, message):
    monkeypatch.setattr(device, "openvino_installed", lambda: False)
    with pytest.raises(OptionError, match=message) as error:
        Choice(wish, precision)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("wish", "installed", "available", "reference"),
    [
        (Choice(threads=3), True, PLAIN, Choice("cpu", threads=3)),
        (Choice(precision="auto"), False, PLAIN, Choice()),
        (Choice(precision="auto"), True, GPU, Choice()),
    ],
)
def test_networks_that_read_faces_run_by_onnx_runtime_in_float32(
    monkeypatch, wish, installed, available, reference
):
    monkeypatch.setattr(device, "openvino_installed", lambda: installed)
    monkeypatch.setattr(device.ort, "get_available_providers", lambda: available)
    assert wish.reference == reference
    assert wish.reference.providers == wish.providers


def test_sessions_get_what_is_chosen(monkeypatch):
    from faceveil.inference import session as module

    asked = []

    class Recorder(FakeSession):
        def __init__(self, model, options, providers):
            super().__init__(*providers)
            asked.append(providers)

    monkeypatch.setattr(device.ort, "get_available_providers", lambda: GPU)
    monkeypatch.setattr(module.ort, "InferenceSession", Recorder)
    card = WEIGHTS / "gender_estimator.json"
    file, digest = card.with_suffix(".onnx"), read_card(card)["sha256"]
    module._session.cache_clear()
    try:
        assert name_of(session(file, digest, Choice(threads=3))) == "CUDA"
        for _ in range(2):  # not the one made before
            assert name_of(session(file, digest, Choice("cpu", threads=3))) == "CPU"
    finally:
        module._session.cache_clear()
    assert asked == [[CUDA, CPU], [CPU]]


def test_the_name_is_that_of_what_is_used():
    assert name_of(FakeSession(CUDA, CPU)) == "CUDA"
    assert name_of(FakeSession(CPU)) == "CPU"  # CUDA's libraries could not be loaded
    assert name_of(FakeSession("DmlExecutionProvider", CPU)) == "DmlExecutionProvider"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds to cores")
def test_cores_are_those_that_the_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_cores() == len(before)


@pytest.mark.parametrize(
    ("lines", "files", "cores"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000"}, None),
        ("0::/\n", {"cpu.max": "300000 100000"}, 3),
        (
            "5:memory:/x\n4:cpu,cpuacct:/c\n",
            {"cpu/c/cpu.cfs_quota_us": "200000", "cpu/c/cpu.cfs_period_us": "100000"},
            2,
        ),
        ("4:cpu:/c\n", {"cpu/c/cpu.cfs_quota_us": "-1", "cpu/c/cpu.cfs_period_us": "1000"}, None),
        ("", {}, None),
        ("nonsense\n", {}, None),
    ],
)
def test_a_containers_quota(tmp_path, lines, files, cores):
    known = {"proc/self/cgroup": lines, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}
    for name, text in known.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert quota_cores(tmp_path) == cores


def test_the_quota_counts(monkeypatch):
    monkeypatch.setattr("faceveil.inference.device.quota_cores", lambda: 1)
    assert usable_cores() == 1
