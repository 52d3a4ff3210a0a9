"""OpenVINO: precisions, and which one is taken."""

import subprocess
import sys

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import openvino_installed
from tests.inference.test_model import feed_of

if not openvino_installed():
    pytest.skip("needs the extra 'fast'", allow_module_level=True)

from faceveil.inference import openvino
from faceveil.inference.openvino import OpenVINONetwork, has_bfloat16, openvino_network

MODEL = (WEIGHTS / "san.onnx").read_bytes()


def test_bfloat16_is_near_and_not_the_same():
    if not has_bfloat16():
        pytest.skip("this processor has no bfloat16")
    feed = feed_of("san", 2)
    exact = openvino_network(MODEL, 1, "float32")(feed)[0]
    reduced = openvino_network(MODEL, 1, "bfloat16")
    assert reduced.runs_on == "CPU (OpenVINO, bfloat16)"
    difference = np.abs(reduced(feed)[0] - exact)
    assert 1e-4 < difference.max() < 2e-2  # 8 bits of mantissa: 4e-3 of a value near 1


def test_bfloat16_that_the_processor_lacks(monkeypatch):
    monkeypatch.setattr(openvino, "has_bfloat16", lambda: False)
    with pytest.raises(OptionError, match="this processor does not compute in") as error:
        openvino_network(MODEL, 1, "bfloat16")
    assert "\n" not in str(error.value)
    assert openvino_network(MODEL, 1, "auto").runs_on == "CPU (OpenVINO)"


@pytest.mark.parametrize(
    ("share", "taken"), [(0.5, "CPU (OpenVINO, bfloat16)"), (0.95, "CPU (OpenVINO)")]
)
def test_auto_takes_what_turned_out_quicker(monkeypatch, share, taken):
    monkeypatch.setattr(openvino, "has_bfloat16", lambda: True)

    class Timed:
        def __init__(self, model, threads, precision):
            name = {"float32": "CPU (OpenVINO)", "bfloat16": "CPU (OpenVINO, bfloat16)"}
            self.runs_on, self.time = name[precision], 1.0 if precision == "float32" else share

        def seconds(self):
            return self.time

    monkeypatch.setattr(openvino, "OpenVINONetwork", Timed)
    assert openvino_network(MODEL, 1, "auto").runs_on == taken


def test_a_network_times_itself():
    assert 0 < OpenVINONetwork(MODEL, 1, "float32").seconds(2) < 60


def test_a_feed_that_fails_does_not_spoil_the_next():
    net, feed = OpenVINONetwork(MODEL, 1, "float32"), feed_of("san", 2)
    (good,) = net(feed)
    with pytest.raises(RuntimeError):
        net({**feed, "image": feed["image"][:, :, :64]})
    np.testing.assert_array_equal(net(feed)[0], good)


def test_first_calls_of_several_threads_do_not_wait_for_each_other():
    code = """
import os, threading, numpy as np
from faceveil import load_protector
protector = load_protector("san", threads=1, device="openvino").crop_protector
crops, one = np.zeros((1, 224, 224), np.float32), np.ones(1, np.float32)
together = threading.Barrier(4)
def first():
    together.wait()
    protector.protect(crops, one, one)
threads = [threading.Thread(target=first, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
os._exit(any(thread.is_alive() for thread in threads))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
