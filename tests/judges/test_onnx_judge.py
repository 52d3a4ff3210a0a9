"""Judges made of an ONNX file and a card."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.onnx_judge import OnnxGenderJudge, OnnxMatcher
from tests.judges.tiny import constant, echo, parsed

RGB = np.zeros((2, 224, 224, 3), np.uint8)
RGB[0] = (10, 20, 200)
RGB[1, :112] = 40
RGB[1, 112:] = 240


def prepared(tmp_path: Path, shape: list[object], **spec: object) -> np.ndarray:
    echo(tmp_path / "tiny.onnx", shape)
    judge = OnnxMatcher(parsed(task="embedding", input={"size": 8, **spec}), tmp_path, threads=1)
    flat = judge.run(RGB)
    x = judge.prepare(RGB)
    np.testing.assert_array_equal(flat, x.reshape(2, -1))
    return x


@pytest.mark.parametrize(
    ("channels", "values"), [("rgb", [10, 20, 200]), ("bgr", [200, 20, 10]), ("gray", [37.53])]
)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_channels_and_layout(
    tmp_path: Path, channels: str, values: list[float], layout: str
) -> None:
    count = len(values)
    shape = ["N", count, 8, 8] if layout == "NCHW" else ["N", 8, 8, count]
    x = prepared(tmp_path, shape, channels=channels, layout=layout)
    assert x.shape[1:] == tuple(shape[1:])
    pixel = x[0, :, 3, 3] if layout == "NCHW" else x[0, 3, 3]
    np.testing.assert_allclose(pixel, values, atol=1e-3)


def test_scale_and_shift(tmp_path: Path) -> None:
    x = prepared(tmp_path, ["N", 3, 8, 8], scale=1 / 127.5, shift=-1.0)
    np.testing.assert_allclose(x[0, :, 0, 0], np.array([10, 20, 200]) / 127.5 - 1, atol=1e-5)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_shift_for_each_channel_in_the_order_of_the_network(tmp_path: Path, layout: str) -> None:
    """Caffe's mean, as torch and Keras state it: blue, green, red."""
    shape = ["N", 3, 8, 8] if layout == "NCHW" else ["N", 8, 8, 3]
    mean = [-103.939, -116.779, -123.68]
    x = prepared(tmp_path, shape, channels="bgr", shift=mean, layout=layout)
    pixel = x[0, :, 3, 3] if layout == "NCHW" else x[0, 3, 3]
    np.testing.assert_allclose(pixel, [200 - 103.939, 20 - 116.779, 10 - 123.68], atol=1e-4)


def test_stretch_is_per_image(tmp_path: Path) -> None:
    x = prepared(tmp_path, ["N", 3, 8, 8], stretch=True)
    np.testing.assert_allclose(x[0, :, 0, 0], [0, 10 / 190 * 255, 255], atol=1e-3)
    assert (x[1].min(), x[1].max()) == (0, 255)


@pytest.mark.parametrize(
    ("row", "output", "expected"),
    [
        ([0.2, 0.8], {"male": 1}, 0.8),
        ([0.2, 0.8], {"male": 0}, 0.2),
        ([1.07], {"male": 0}, 1.0),
        ([-0.1], {"male": 0}, 0.0),
        ([0.0, math.log(3), 9.0], {"read": "softmax"}, 0.75),
        ([500.0, -500.0], {"read": "softmax"}, 0.0),
        ([0.3, 0.1], {"read": "ratio"}, 0.25),
        ([0.3, 0.1], {"read": "ratio", "male": 0, "female": 1}, 0.75),
    ],
)
def test_reads_p_male(
    tmp_path: Path, row: list[float], output: dict[str, object], expected: float
) -> None:
    constant(tmp_path / "tiny.onnx", row)
    judge = OnnxGenderJudge(parsed(output=output), tmp_path, threads=1, batch=2)
    p = judge.p_male(np.repeat(RGB, 3, axis=0)[:5])
    assert p.shape == (5,)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p, expected, atol=1e-6)
    assert judge.p_male(RGB[:0]).shape == (0,)
    assert isinstance(judge, GenderJudge)


def test_embeddings_have_unit_length(tmp_path: Path) -> None:
    constant(tmp_path / "tiny.onnx", [3.0, 4.0])
    card = parsed(task="embedding", threshold={"fmr": 0.001, "cosine": 0.4})
    matcher = OnnxMatcher(card, tmp_path, threads=1)
    np.testing.assert_allclose(matcher.embed(RGB), [[0.6, 0.8]] * 2, atol=1e-6)
    assert matcher.threshold() == 0.4
    assert matcher.threshold(1e-4) is None
    assert isinstance(matcher, Matcher)


def test_refuses_a_file_that_its_card_does_not_know(tmp_path: Path) -> None:
    digest = constant(tmp_path / "tiny.onnx", [0.5])
    OnnxGenderJudge(parsed(sha256=digest), tmp_path, threads=1)
    with pytest.raises(ModelError, match="damaged or was replaced"):
        OnnxGenderJudge(parsed(sha256="0" * 64), tmp_path, threads=1)
    with pytest.raises(ModelError, match="no such file"):
        OnnxGenderJudge(parsed(model="other.onnx"), tmp_path, threads=1)


def test_refuses_what_the_card_gets_wrong(tmp_path: Path) -> None:
    constant(tmp_path / "tiny.onnx", [0.5])
    with pytest.raises(ModelError, match="column 3"):
        OnnxGenderJudge(parsed(output={"male": 3}), tmp_path, threads=1).p_male(RGB)
    with pytest.raises(ModelError, match="'age'"):
        OnnxGenderJudge(parsed(output={"tensor": "age"}), tmp_path, threads=1)
    with pytest.raises(ModelError, match="correct its card") as error:
        OnnxGenderJudge(parsed(input={"size": 9}), tmp_path, threads=1).p_male(RGB)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("crops", [RGB[..., 0], RGB[:, :100], RGB.astype(np.float32)])
def test_refuses_other_crops(tmp_path: Path, crops: np.ndarray) -> None:
    constant(tmp_path / "tiny.onnx", [0.5])
    with pytest.raises(OptionError, match="expected uint8"):
        OnnxGenderJudge(parsed(), tmp_path, threads=1).p_male(crops)
