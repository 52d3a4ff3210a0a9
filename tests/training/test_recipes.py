"""Every kind of recipe, small, from packs to published ONNX."""

import json

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pa = pytest.importorskip("pyarrow", reason="needs the train extra")
import onnxruntime as ort  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

import faceveil.systems.recipes  # noqa: E402, F401  makes their kinds known
from faceveil.cli.main import main  # noqa: E402
from faceveil.errors import ModelError, OptionError  # noqa: E402
from faceveil.inference.device import Choice  # noqa: E402
from faceveil.systems.san import train as san  # noqa: E402
from faceveil.systems.san.faces import random_theta  # noqa: E402
from faceveil.training import checkpoint, gender  # noqa: E402
from faceveil.training.config import load_config  # noqa: E402
from faceveil.training.faces import as_batch  # noqa: E402
from faceveil.training.loop import step_generator  # noqa: E402
from faceveil.training.publish import publish  # noqa: E402
from faceveil.training.run import run_recipe  # noqa: E402
from tests.training.networks.test_onnx_graph import small_graph  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """24 pictures of 6 people: the men are darker, so that there is something to learn."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    images, genders, people = [], [], []
    for i in range(24):
        male = i % 2
        base = rng.integers(0, 120, (16, 16, 3)) + (20 if male else 110)
        face = cv2.resize(base.astype(np.uint8), (128, 128), interpolation=cv2.INTER_CUBIC)
        images.append(cv2.imencode(".png", face)[1].tobytes())
        genders.append("m" if male else "f")
        people.append(str(i % 6))
    table = pa.table({"image": images, "gender": genders, "identity": people})
    pq.write_table(table, folder / "pack.parquet")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    small_graph(folder / "matcher.onnx", side=112)
    return folder


def recipe(folder, name, text):
    path = folder / f"{name}.toml"
    common = f'name = "{name}"\ndata = ["pack.parquet"]\nvalidation = "pack.parquet"\n'
    path.write_text(common + text)
    return path


def small_gender(folder, name="aux"):
    widths = "[4, 4, 4, 4, 4, 8]"
    return recipe(folder, name, f'kind = "gender"\nwidths = {widths}\nsteps = 12\nbatch = 8\n')


def small_san(folder, name="tiny", steps=4):
    text = f"""kind = "san"
matcher = "matcher.onnx"
classifiers = ["aux"]
pretrain_steps = 3
steps = {steps}
batch = 4
"""
    return recipe(folder, name, text)


def test_gender_from_recipe_to_onnx(tmp_path, data, models, capsys):
    path = small_gender(tmp_path)
    measured = run_recipe(path, data, models, tmp_path / "runs", "cpu")
    assert 0 <= measured["auc"] <= 1
    where = ["--data", data, "--runs", tmp_path / "runs", "--weights", tmp_path / "weights"]
    assert main([str(x) for x in ("publish", path, *where)]) == 0
    onnx = tmp_path / "weights" / "aux.onnx"
    assert capsys.readouterr().out == f"{onnx}\n"
    card = json.loads(onnx.with_suffix(".json").read_text())
    assert card["measured"]["pack.parquet"] == measured
    assert set(card["data"]) == {"pack.parquet"}
    network = gender.build(load_config(path))
    checkpoint.load(tmp_path / "runs" / "aux" / "checkpoint.safetensors", {"network": network})
    x = torch.rand(3, 1, 128, 128)
    (out,) = ort.InferenceSession(onnx).run(None, {"image": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(out, torch.sigmoid(network.eval()(x)), atol=1e-5)


def test_gender_gradient_from_recipe_to_noise(tmp_path, data, models, capsys):
    from faceveil.systems.specs import build_crop_protector

    path = small_gender(tmp_path)
    runs, weights = tmp_path / "runs", tmp_path / "weights"
    run_recipe(path, data, models, runs, "cpu")
    where = ["--data", data, "--runs", runs, "--weights", weights]
    command = ["publish", path, *where, "--gradient", "--name", "noise_1"]
    assert main(list(map(str, command))) == 0
    onnx = weights / "noise_1.onnx"
    assert json.loads(onnx.with_suffix(".json").read_text())["kind"] == "gradient"
    luma = np.random.default_rng(0).random((2, 224, 224)).astype(np.float32)
    sides = np.array([1, 0], np.float32)
    protector = build_crop_protector("pgd", weights=weights, choice=Choice(threads=1))
    out = protector.protect(luma, sides, 1 - sides, None)
    assert 0 < np.abs(out - luma).max() <= 8 / 255 + 1e-6
    other = recipe(tmp_path, "aux", 'kind = "gender"\nnetwork = "keras"\n')
    assert main(["publish", str(other), *map(str, where), "--gradient"]) == 2
    assert "aux: has no gradient; expected" in capsys.readouterr().err


def test_san_from_recipe_to_onnx_and_protector(tmp_path, data, models):
    from faceveil.systems.san.protector import SANProtector

    runs = tmp_path / "runs"
    run_recipe(small_gender(tmp_path), data, models, runs, "cpu")
    path = small_san(tmp_path)
    measured = run_recipe(path, data, models, runs, "cpu")
    assert {"J_D", "J_G", "J_M"} <= set(measured)
    onnx = publish(path, runs, data, tmp_path / "weights")
    model = san.build(load_config(path), torch.zeros(2, 3, 128, 128))
    checkpoint.load(runs / "tiny" / "checkpoint.safetensors", {"san": model})
    generator = torch.Generator().manual_seed(0)
    feed = {
        "image": torch.rand(3, 1, 128, 128, generator=generator),
        "male": torch.tensor([1.0, 0.0, 1.0]),
        "target": torch.tensor([0.0, 1.0, 0.5]),
        "theta": random_theta(3, 1.0, generator),
    }
    (out,) = ort.InferenceSession(onnx).run(None, {k: v.numpy() for k, v in feed.items()})
    with torch.no_grad():
        np.testing.assert_allclose(out, model(*feed.values()), atol=2e-3)  # 16-bit weights
    kept = load_file(onnx.with_suffix(".safetensors"))
    assert torch.equal(kept["san.decoder1.weight"], model.san.decoder1.weight)
    assert onnx.stat().st_size < 0.6 * sum(p.numel() * 4 for p in model.state_dict().values())
    protector = SANProtector(onnx, choice=Choice(threads=1))
    luma = np.random.default_rng(0).random((2, 224, 224)).astype(np.float32)
    sides = np.array([1, 0], np.float32)
    assert protector.protect(luma, sides, 1 - sides, None).shape == luma.shape
    assert protector.network.male_share == 0.5
    assert (protector.network.smoothing, protector.network.gain) == (1.6, 1.0)


def test_san_resumed_is_bit_identical(tmp_path, data, models, monkeypatch):
    """Stopped after the second of four steps, in a run of its own, then resumed."""
    from faceveil.training import loop

    runs = tmp_path / "runs"
    run_recipe(small_gender(tmp_path), data, models, runs, "cpu")
    straight = small_san(tmp_path, "straight")
    run_recipe(straight, data, models, runs, "cpu")
    stopped = small_san(tmp_path, "stopped")

    class StopError(Exception):
        pass

    def stopping(seed, step):
        if step == 2 and seed == 3:  # the adversarial phase: the recipe's seed 2, plus 1
            raise StopError
        return step_generator(seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "step_generator", stopping)
        real_save_every = loop.run.__kwdefaults__["save_every"]
        loop.run.__kwdefaults__["save_every"] = 1
        with pytest.raises(StopError):
            run_recipe(stopped, data, models, runs, "cpu")
        loop.run.__kwdefaults__["save_every"] = real_save_every
    with pytest.raises(OptionError, match="--resume"):
        run_recipe(stopped, data, models, runs, "cpu")
    run_recipe(stopped, data, models, runs, "cpu", resume=True)
    a, b = (runs / n / "checkpoint.safetensors" for n in ("straight", "stopped"))
    assert a.read_bytes() == b.read_bytes()


def test_matcher_recipe(tmp_path, data, models):
    from faceveil.data.packs import load_packs
    from faceveil.training import matcher
    from faceveil.training.networks.face_resnet import FaceResNet

    text = """kind = "matcher"
teacher = "matcher.onnx"
widths = [32, 32, 32, 32]
blocks = [1, 1, 1, 1]
steps = 3
batch = 6
"""
    path = recipe(tmp_path, "student", text)
    with pytest.raises(OptionError, match=r"FMR 0\.001 needs 10,000"):  # before any training
        run_recipe(path, data, models, tmp_path / "runs", "cpu")
    assert not (tmp_path / "runs" / "student").exists()
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (150, 16, 16, 3), dtype=np.uint8)
    blobs = [cv2.imencode(".png", f)[1].tobytes() for f in faces]
    people = [str(i // 2) for i in range(150)]
    table = pa.table({"image": blobs, "gender": ["m", "f"] * 75, "identity": people})
    pq.write_table(table, data / "many.parquet")
    path.write_text(path.read_text().replace('validation = "pack', 'validation = "many'))
    measured = run_recipe(path, data, models, tmp_path / "runs", "cpu")
    assert -1 <= measured["agreement"] <= 1
    onnx = publish(path, tmp_path / "runs", data, tmp_path / "weights")
    x = np.random.default_rng(0).random((5, 3, 112, 112)).astype(np.float32)
    (out,) = ort.InferenceSession(onnx).run(None, {"image": x})
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, atol=1e-5)
    card = json.loads(onnx.with_suffix(".json").read_text())
    assert set(card["thresholds"]) == {"0.01", "0.001"}
    # Nothing is interpolated: no more impostors pass a card's threshold than its rate says.
    network = FaceResNet(int(out.shape[1]), (32,) * 4, (1,) * 4)
    checkpoint.load(tmp_path / "runs/student/checkpoint.safetensors", {"network": network})
    pack = load_packs([data / "many.parquet"])
    with torch.no_grad():
        crops = matcher.arcface_view(as_batch(pack.images, torch.arange(150)))
        embedding = torch.nn.functional.normalize(network.eval()(crops), dim=1).numpy()
    scores = (embedding @ embedding.T)[np.triu(pack.identity[:, None] != pack.identity, 1)]
    for fmr, threshold in card["thresholds"].items():
        assert (scores >= threshold + 1e-6).mean() <= float(fmr)
        assert np.abs(scores - threshold).min() < 1e-5  # one of the scores, or just above it


def test_flow_from_recipes_to_protector(tmp_path, data, models):
    """A second stage is trained on the first one's outputs, and both run in sequence."""
    from faceveil.systems.specs import MethodOptions, build_crop_protector

    runs, weights = tmp_path / "runs", tmp_path / "weights"
    run_recipe(small_gender(tmp_path), data, models, runs, "cpu")
    common = (
        'kind = "san"\nmatcher = "matcher.onnx"\nclassifiers = ["aux"]\npretrain_steps = 2\n'
        "steps = 3\nbatch = 4\nanchored = true\nnetwork_smoothing = 1.6\nsmoothing = 0.0\n"
        "prototype_scale = 10.0\ncrop = 2\n"
    )
    texts = [common, common + 'start = "flowsan-1"\nafter = ["flowsan-1"]\n']
    for i, text in enumerate(texts, 1):
        path = recipe(tmp_path, f"flowsan-{i}", text)
        run_recipe(path, data, models, runs, "cpu")
        publish(path, runs, data, weights)
    cached = np.load(runs / "flowsan-1" / "outputs.npy")
    assert cached.shape == (24, 128, 128)
    assert len(list((runs / "flowsan-1" / "sheets").glob("*.png"))) >= 1
    flow = build_crop_protector("flowsan", weights=weights, options=MethodOptions(stages=2))
    luma = np.random.default_rng(0).random((2, 224, 224)).astype(np.float32)
    first, second = flow.outputs(luma, np.array([1, 0], np.float32), np.array([0, 1], np.float32))
    assert not np.allclose(first, second)
    torch_stage = san.load_san(runs / "flowsan-1", torch.zeros(2, 3, 128, 128))
    faces = np.random.default_rng(1).random((2, 1, 128, 128)).astype(np.float32)
    y, eye = torch.tensor([1.0, 0.0]), torch.eye(2, 3).repeat(2, 1, 1)
    with torch.no_grad():
        expected = torch_stage(torch.from_numpy(faces), y, 1 - y, eye)[:, 0]
    found = flow.stages[0](faces[:, 0], y.numpy(), 1 - y.numpy(), eye.numpy())
    np.testing.assert_allclose(found, expected, atol=2e-3)  # 16-bit weights


def test_damaged_start_is_named(tmp_path, data, models):
    run_recipe(small_gender(tmp_path), data, models, tmp_path / "runs", "cpu")
    path = small_san(tmp_path, "late")
    path.write_text(path.read_text() + 'start = "aux"\n')
    with pytest.raises(ModelError, match="expected a SAN"):
        run_recipe(path, data, models, tmp_path / "runs", "cpu")


def test_a_san_as_the_papers_have_it(tmp_path, data, models):
    """Epochs, no pre-training, J_M from the second epoch on; or Adadelta on more faces."""
    runs = tmp_path / "runs"
    run_recipe(small_gender(tmp_path), data, models, runs, "cpu")
    common = (
        'kind = "san"\nmatcher = "matcher.onnx"\nclassifiers = ["aux"]\nviews = false\n'
        'schedule = "constant"\nbetas = [0.9, 0.999]\ndraw = "epochs"\nbatch = 4\nsmoothing = 0.0\n'
    )
    code = recipe(
        tmp_path,
        "code",
        common + 'pretrain_steps = 0\nepochs = 1.0\nmatch_after = 2.0\nmatch_reduction = "sum"\n'
        'flip = "image"\n',
    )
    measured = run_recipe(code, data, models, runs, "cpu")
    assert measured["J_M"] == 0  # one epoch only
    assert not (runs / "code" / "pretrain").exists()
    assert (runs / "code" / "log.csv").read_text().splitlines()[-1].startswith("6,")  # 24 / 4
    keras = recipe(
        tmp_path,
        "keras",
        common + 'pretrain_epochs = 1.0\npretrain_batch = 8\npretrain_optimizer = "adadelta"\n'
        "pretrain_peak = 1.0\npretrain_whole = true\nepochs = 1.0\nmatch_unit = false\nleak = 0.3\n"
        'data_order = "random"\ndata_stop = 10\nopposite_label = "reversed_batch"\n',
    )
    run_recipe(keras, data, models, runs, "cpu")
    log = (runs / "keras" / "log.csv").read_text().splitlines()
    assert log[-1].startswith("3,")  # 10 faces in batches of 4
    pretrain = (runs / "keras" / "pretrain" / "log.csv").read_text().splitlines()
    assert pretrain[-1].startswith("3,")  # all 24 in batches of 8
    assert san.load_san(runs / "keras", torch.zeros(2, 3, 128, 128)).san.leak == 0.3
