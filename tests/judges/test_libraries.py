"""Judges from libraries: what each is given, and what is said where it is missing."""

import sys
import types

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.judges.loaded import load_judge

CROPS = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)


def fake(monkeypatch, name, **members):
    """A module in place of a library."""
    parent, _, _ = name.partition(".")
    for part in {parent, name}:
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    for key, value in members.items():
        setattr(sys.modules[name], key, value)


class FakeDeepFace:
    """Answers by the blue channel, which comes first in BGR."""

    def analyze(self, picture, actions, detector_backend, enforce_detection, silent):
        assert (actions, detector_backend, enforce_detection) == (["gender"], "skip", False)
        return [{"gender": {"Man": picture[..., 0].mean() / 2.55, "Woman": 0.0}}]

    def represent(self, picture, model_name, detector_backend, enforce_detection):
        assert (model_name, detector_backend) == ("ArcFace", "skip")
        return [{"embedding": picture.mean(axis=(0, 1)).tolist()}]


def test_deepface(monkeypatch):
    fake(monkeypatch, "deepface", DeepFace=FakeDeepFace())
    p = load_judge("deepface").p_male(CROPS)
    np.testing.assert_allclose(p, CROPS[..., 2].mean(axis=(1, 2)) / 255, rtol=1e-5)
    embeddings = load_judge("deepface:ArcFace").embed(CROPS)
    mean = CROPS.mean(axis=(1, 2))[:, ::-1]
    np.testing.assert_allclose(embeddings, mean / np.linalg.norm(mean, axis=1, keepdims=True), 1e-5)


def test_insightface(monkeypatch, tmp_path):
    seen = []

    class Model:
        def prepare(self, ctx_id):
            assert ctx_id == -1

        def get_feat(self, chip):
            seen.append(chip)
            return chip.mean(axis=(0, 1))[None]

    fake(monkeypatch, "insightface.model_zoo", get_model=lambda path: Model())
    with pytest.raises(OptionError, match="no such file"):
        load_judge(f"insightface:{tmp_path}/none.onnx")
    (tmp_path / "m.onnx").write_bytes(b"x")
    red = np.zeros_like(CROPS)
    red[..., 0] = 200
    out = load_judge(f"insightface:{tmp_path}/m.onnx").embed(red)
    assert seen[0].shape == (112, 112, 3)
    np.testing.assert_allclose(out, [[0, 0, 1]] * 3, atol=1e-6)  # BGR


def test_facenet(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the train extra")
    seen = []

    class Network(torch.nn.Module):
        def __init__(self, pretrained):
            super().__init__()
            assert pretrained == "casia-webface"

        def forward(self, x):
            seen.append(x)
            return x.mean(dim=(2, 3)) + 2

    fake(monkeypatch, "facenet_pytorch", InceptionResnetV1=Network)
    out = load_judge("facenet:casia-webface").embed(CROPS)
    assert seen[0].shape == (3, 3, 160, 160)
    assert -1 <= float(seen[0].min()) < -0.5 < 0.5 < float(seen[0].max()) <= 1
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, rtol=1e-5)


def test_transformers(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch", reason="needs the train extra")

    class Processor:
        def __call__(self, images, return_tensors):
            return {"x": torch.from_numpy(np.stack(images)).float()}

    class Model:
        config = types.SimpleNamespace(id2label={0: "Female", 1: "Male"})

        def eval(self):
            return self

        def __call__(self, x):
            bright = x.mean(dim=(1, 2, 3)) / 100 - 1
            return types.SimpleNamespace(logits=torch.stack([-bright, bright], dim=1))

    loaders = {
        name: types.SimpleNamespace(from_pretrained=lambda folder, local_files_only, m=made: m())
        for name, made in (
            ("AutoImageProcessor", Processor),
            ("AutoModelForImageClassification", Model),
        )
    }
    fake(monkeypatch, "transformers", **loaders)
    p = load_judge(f"transformers:{tmp_path}").p_male(CROPS)
    bright = CROPS.mean(axis=(1, 2, 3)) / 100 - 1
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-2 * bright)), rtol=1e-4)
    Model.config = types.SimpleNamespace(id2label={0: "cat", 1: "dog"})
    with pytest.raises(OptionError, match="cat, dog"):
        load_judge(f"transformers:{tmp_path}")
    with pytest.raises(OptionError, match="no such folder"):
        load_judge(f"transformers:{tmp_path}/none")


@pytest.mark.parametrize(
    ("spec", "module"),
    [
        ("deepface", "deepface"),
        ("insightface:x.onnx", "insightface"),
        ("facenet", "facenet_pytorch"),
        ("transformers:x", "transformers"),
    ],
)
def test_missing_libraries(monkeypatch, spec, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OptionError, match="pip install"):
        load_judge(spec)
