"""Networks that change faces: the same answers from every engine."""

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from faceveil import load_protector
from faceveil.errors import ModelError
from faceveil.inference.card import WEIGHTS, card_beside
from faceveil.inference.device import Choice, openvino_installed
from faceveil.inference.model import Model

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
    return Model.load(WEIGHTS / f"{name}.onnx", None, Choice(device, precision, threads))


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
    first = made("san", "openvino")._network
    assert made("san", "openvino")._network is first
    assert made("san", "openvino", threads=2)._network is not first


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_damaged_model_is_one_clear_line(tmp_path, device):
    file = tmp_path / "net.onnx"
    file.write_bytes(b"no model")
    digest = hashlib.sha256(b"no model").hexdigest()
    card = file.with_suffix(".json")
    for wrong, message in ((digest, "not a usable"), ("0" * 64, "sha256 is")):
        card.write_text(json.dumps({"kind": "protector", "sha256": wrong}))
        with pytest.raises(ModelError, match=message) as error:
            Model.load(file, "protector", Choice(device))
        assert str(file) in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(ModelError, match="kind is 'protector'; expected 'gender'"):
        Model.load(file, "gender", Choice(device))
    card.unlink()
    with pytest.raises(ModelError, match=r"net\.json: no such file"):
        Model.load(file, "gender", Choice(device))


@pytest.mark.parametrize("device", ["cpu", "openvino"])
@pytest.mark.parametrize("target", [0, 0.5, 1])
def test_an_input_that_is_a_constant(device, target):
    """Against the graph as it was exported, which takes a target for each face."""
    choice, file = Choice(device, threads=1), WEIGHTS / "adaptive.onnx"
    feed = feed_of("adaptive", 3)
    whole = Model.load(file, "adaptive", choice)
    expected = whole({**feed, "target": np.full(3, target, np.float32)})
    fixed = Model.load(file, "adaptive", choice, fixed=("target", target))
    np.testing.assert_allclose(fixed({"image": feed["image"]}), expected, atol=3e-5)


def test_the_constant_is_worked_out_when_the_network_is_loaded(tmp_path):
    """What depends on it alone is in the graph that runs no more."""
    import onnx
    import onnxruntime as ort

    file = WEIGHTS / "adaptive.onnx"
    constants = card_beside(file)["constants"]["target"]["1.0"]
    counts = []
    for model in (file.read_bytes(), file.read_bytes() + bytes.fromhex(constants)):
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(str(tmp_path / "optimised.onnx")).graph.node
        counts.append(sum(node.op_type in ("Gemm", "Mul", "Add", "Split") for node in nodes))
    assert counts[1] < counts[0] / 4


def test_a_card_without_that_constant(tmp_path):
    for suffix in (".onnx", ".json"):
        shutil.copy(WEIGHTS / f"adaptive{suffix}", tmp_path)
    for name, value in (("target", 0.3), ("image", 1.0)):
        with pytest.raises(ModelError, match=f"has no constant {name} = {value}"):
            Model.load(tmp_path / "adaptive.onnx", "adaptive", fixed=(name, value))


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
