"""Networks that change faces: the same answers from every engine."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from faceveil import load_protector
from faceveil.errors import ModelError
from faceveil.inference.device import on_device, openvino_installed
from faceveil.inference.network import network
from faceveil.inference.session import WEIGHTS, read_card

pytestmark = pytest.mark.skipif(not openvino_installed(), reason="needs the extra 'fast'")
NAMES = ("adaptive", "ensemble_1", "flowsan_1", "san")


def feed_of(name, count):
    rng = np.random.default_rng(0)
    image = rng.random((count, 3 if name == "adaptive" else 1, 128, 128), np.float32)
    target = np.linspace(0, 1, count, dtype=np.float32)
    if name == "adaptive":
        return {"image": image, "target": target}
    theta = np.eye(2, 3, dtype=np.float32) + rng.normal(0, 0.05, (count, 2, 3)).astype(np.float32)
    return {"image": image, "male": 1 - target, "target": target, "theta": theta}


def made(name, device, precision="float32", threads=1):
    file = WEIGHTS / f"{name}.onnx"
    with on_device(device, precision):
        return network(file, read_card(file.with_suffix(".json"))["sha256"], threads)


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_agree(name):
    feed = feed_of(name, 3)
    reference, other = made(name, "cpu"), made(name, "openvino")
    assert (reference.runs_on, other.runs_on) == ("CPU", "CPU (OpenVINO)")
    np.testing.assert_allclose(other(feed), reference(feed), atol=3e-5)


def test_neither_batches_nor_threads_make_a_difference():
    feed = feed_of("adaptive", 19)  # more than two batches
    one = made("adaptive", "openvino")
    whole = one(feed)
    assert whole.shape == (19, 3, 128, 128)
    single = [one({k: v[i : i + 1] for k, v in feed.items()}) for i in range(19)]
    np.testing.assert_array_equal(np.concatenate(single), whole)
    np.testing.assert_array_equal(made("adaptive", "openvino", threads=2)(feed), whole)


def test_threads_share_a_network():
    feeds = [{k: v[i : i + 2] for k, v in feed_of("san", 32).items()} for i in range(0, 32, 2)]
    net = made("san", "openvino")
    alone = [net(feed) for feed in feeds]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(net, feeds))
    np.testing.assert_array_equal(together, alone)


def test_the_answer_is_the_callers_own():
    net, feed = made("san", "openvino"), feed_of("san", 2)
    first = net(feed)
    kept = first.copy()
    net({**feed, "image": 1 - feed["image"]})
    np.testing.assert_array_equal(first, kept)


def test_one_network_for_all_that_ask():
    assert made("san", "openvino") is made("san", "openvino")
    assert made("san", "openvino") is not made("san", "openvino", threads=2)


def test_a_damaged_model_is_one_clear_line(tmp_path):
    file = tmp_path / "net.onnx"
    file.write_bytes(b"no model")
    with on_device("openvino", None), pytest.raises(ModelError, match="not a usable") as error:
        network(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)
    with on_device("openvino", None), pytest.raises(ModelError, match="sha256 is"):
        network(file, "0" * 64)


def test_the_api_chooses():
    assert load_protector("san", threads=1, device="cpu").device == "CPU"
    protector = load_protector("flowsan", threads=1, device="openvino", stages=1)
    assert protector.device == "CPU (OpenVINO)"
    assert load_protector("ensemble", threads=1, stages=1, device="openvino").device == (
        "CPU (OpenVINO)"
    )
    assert load_protector("blur", threads=1, device="openvino").device == "CPU"  # no network


def test_protected_crops_are_the_same_pixel_for_pixel_or_nearly():
    crops = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    ours, other = (
        load_protector(threads=1, device=d).protect_crops(crops) for d in ("cpu", "openvino")
    )
    difference = np.abs(ours.astype(int) - other)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    assert (ours != crops).mean() > 0.1
