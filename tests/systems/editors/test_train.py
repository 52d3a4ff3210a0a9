"""Gender-AN and PrivacyNet, small: from packs and attributes to protectors."""

import json

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pa = pytest.importorskip("pyarrow", reason="needs the train extra")
import pyarrow.parquet as pq  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

import faceveil.systems.recipes  # noqa: E402, F401  makes their kinds known
from faceveil.errors import ModelError, OptionError  # noqa: E402
from faceveil.systems.editors import train_gender_an as gender_an  # noqa: E402
from faceveil.systems.specs import MethodOptions, build_crop_protector  # noqa: E402
from faceveil.training import attributes, checkpoint, loop  # noqa: E402
from faceveil.training.config import load_config  # noqa: E402
from faceveil.training.publish import publish  # noqa: E402
from faceveil.training.run import run_recipe  # noqa: E402
from tests.training.networks.test_onnx_graph import small_graph  # noqa: E402

NAMES = ("Male", "Attractive", "Heavy_Makeup", "Young")
MALE = np.array([1, 0, 1], np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Packs of 40 faces, bright where Young; 30 of them are listed."""
    folder = tmp_path_factory.mktemp("editors")
    rng = np.random.default_rng(0)
    young, male = np.arange(40) % 4 < 2, np.arange(40) % 2 == 0
    images = []
    for i in range(40):
        face = rng.integers(0, 60, (64, 64, 3)) + np.array([60 * male[i], 0, 0]) + 120 * young[i]
        images.append(cv2.imencode(".png", face.astype(np.uint8)[..., ::-1])[1].tobytes())
    table = {
        "image": images,
        "gender": ["m" if m else "f" for m in male],
        "identity": [str(i // 2) for i in range(40)],
        "source": [f"{i}.jpg" for i in range(40)],
    }
    pq.write_table(pa.table(table), folder / "pack.parquet")
    extra = {"age": [20 if y else 60 for y in young], "race": ["White", "Black"] * 20}
    pq.write_table(pa.table(table | extra), folder / "people.parquet")
    lines = ["source," + ",".join(NAMES)]
    lines += [f"{i}.jpg,{int(male[i])},0,{int(not male[i])},{int(young[i])}" for i in range(30)]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")
    small_graph(folder / "matcher.onnx", side=112)
    labels(folder, "aux-attributes", 'data = ["pack.parquet"]\nattributes = "a.csv"')
    labels(folder, "aux-demographics", 'data = ["people.parquet"]\nattributes = "columns"')
    return folder


def write(folder, name, text):
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\n' + text)
    return path


def labels(folder, name, text):
    text += (
        '\nkind = "attributes"\nlabel = ["pack.parquet", "people.parquet"]\ntone = 0.0\n'
        "widths = [32, 32, 32, 32]\nsteps = 60\nbatch = 16\ndropout = 0.0\n"
    )
    path = write(folder, name, text)
    run_recipe(path, folder, folder, folder / "runs", "cpu")
    publish(path, folder / "runs", folder, folder / "weights")


def gender_an_recipe(folder, name="gender-an", more=""):
    text = (
        'kind = "gender-an"\ndata = ["pack.parquet"]\nlabels = "aux-attributes"\nframe = 64\n'
        'matcher = "matcher.onnx"\nanchored = true\nviews = true\ncritic_steps = 2\nsteps = 5\n'
        "batch = 4\nsheet_every = 5\n"
    )
    return write(folder, name, text + more)


def test_labels_are_the_lists_where_it_says_and_learned_elsewhere(place):
    run = place / "runs" / "aux-attributes"
    found = attributes.read_labels(run, ("pack.parquet",), ("Young", "Male"))
    young, male = np.arange(40) % 4 < 2, np.arange(40) % 2 == 0
    np.testing.assert_array_equal(found[:30, 0], young[:30])
    np.testing.assert_array_equal(found[:, 1], male)  # every pack knows the gender
    assert ((found[30:, 0] > 0.5) == young[30:]).mean() > 0.8
    measured = json.loads((run / "measured.json").read_text())
    assert {"mean", "commoner", *NAMES} == set(measured)
    with pytest.raises(OptionError, match="no attribute 'Bald'"):
        attributes.read_labels(run, ("pack.parquet",), ("Bald",))
    with pytest.raises(OptionError, match="no labels for other"):
        attributes.read_labels(run, ("other.parquet",), ("Male",))
    with pytest.raises(OptionError, match="run the recipe 'none' first"):
        attributes.read_labels(place / "runs" / "none", (), ("Male",))


def test_age_and_race_of_the_packs_own_columns(place):
    run = place / "runs" / "aux-demographics"
    found = attributes.read_labels(run, ("people.parquet",), ("Age_Under_30", "Black"))
    np.testing.assert_array_equal(found[:, 0], np.arange(40) % 4 < 2)
    np.testing.assert_array_equal(found[:, 1], np.arange(40) % 2 == 1)
    learned = attributes.read_labels(run, ("pack.parquet",), ("Age_Under_30",))[:, 0]
    assert ((learned > 0.5) == (np.arange(40) % 4 < 2)).mean() > 0.8


def test_gender_an_from_recipe_to_protector(place):
    path = gender_an_recipe(place)
    measured = run_recipe(path, place, place, place / "runs", "cpu")
    assert {"D_adv", "D_gp", "D_att", "G_adv", "G_att", "G_rec", "G_fm"} == set(measured)
    sheet = cv2.imread(str(next((place / "runs" / "gender-an" / "sheets").glob("*.png"))))
    assert sheet.shape == (5 * 64, 8 * 64, 3)
    publish(path, place / "runs", place, place / "weights")
    protector = build_crop_protector("gender-an", weights=place / "weights")
    assert protector.card["hides"] == {"gender": 0, "age": 3}
    faces = np.random.default_rng(0).random((3, 224, 224, 3)).astype(np.float32)
    kept = protector.protect(faces, MALE, MALE)
    np.testing.assert_allclose(kept, faces, atol=1e-5)  # anchored: nothing wanted, nothing done
    moved = protector.protect(faces, MALE, 1 - MALE)
    assert moved.shape == faces.shape
    assert np.abs(moved - faces).max() > 1e-3
    one = protector.protect(faces[1:2], MALE[1:2], 1 - MALE[1:2])
    np.testing.assert_allclose(one, moved[1:2], atol=1e-4)
    half = protector.protect(faces, MALE, np.full(3, 0.5, np.float32))
    assert not np.allclose(half, moved)
    older = build_crop_protector(
        "gender-an", weights=place / "weights", options=MethodOptions(hide=("age",))
    )
    assert not np.allclose(older.protect(faces, MALE, 1 - MALE), moved)
    assert protector.protect(faces[:0], MALE[:0], MALE[:0]).shape == (0, 224, 224, 3)


def test_the_protector_runs_what_was_trained(place):
    path = gender_an_recipe(place, "same")
    run_recipe(path, place, place, place / "runs", "cpu")
    publish(path, place / "runs", place, place / "weights", "gender_an")
    editor = gender_an.build(load_config(path)).eval()
    checkpoint.load(place / "runs" / "same" / "checkpoint.safetensors", {"editor": editor})
    protector = build_crop_protector("gender-an", weights=place / "weights")
    small = np.random.default_rng(1).random((2, 64, 64, 3)).astype(np.float32)
    faces = np.stack([cv2.resize(x, (224, 224), interpolation=cv2.INTER_NEAREST) for x in small])
    seen = np.stack([cv2.resize(x, (64, 64), interpolation=cv2.INTER_AREA) for x in faces])
    out = protector.protect(faces, MALE[:2], 1 - MALE[:2])
    difference = torch.zeros(2, 4)
    difference[:, 0] = torch.tensor([-1.0, 1.0])
    with torch.no_grad():
        x = torch.from_numpy(seen).permute(0, 3, 1, 2)
        change = (editor(x, difference, 0 * difference) - x).permute(0, 2, 3, 1).numpy()
    up = np.stack([cv2.resize(c, (224, 224), interpolation=cv2.INTER_CUBIC) for c in change])
    np.testing.assert_allclose(out, np.clip(faces + up, 0, 1), atol=3e-3)  # 16-bit weights


def test_resumed_is_bit_identical(place, monkeypatch):
    runs = place / "runs"
    run_recipe(gender_an_recipe(place, "straight"), place, place, runs, "cpu")
    stopped = gender_an_recipe(place, "stopped")
    real = loop.step_generator

    def stopping(seed, step):
        if step == 3:
            raise KeyError
        return real(seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "step_generator", stopping)
        patch.setitem(loop.run.__kwdefaults__, "save_every", 1)
        with pytest.raises(KeyError):
            run_recipe(stopped, place, place, runs, "cpu")
    run_recipe(stopped, place, place, runs, "cpu", resume=True)
    a, b = (runs / n / "checkpoint.safetensors" for n in ("straight", "stopped"))
    assert a.read_bytes() == b.read_bytes()


def test_the_generator_learns_only_on_its_own_steps(place):
    """With two critic steps to one, the first step leaves the generator's weights alone."""
    runs = place / "runs"
    for name, steps in (("first", 1), ("second", 2)):
        more = f"steps = {steps}\n"
        path = gender_an_recipe(place, name)
        path.write_text(path.read_text().replace("steps = 5\nbatch", f"{more}batch"))
        run_recipe(path, place, place, runs, "cpu")
    torch.manual_seed(load_config(path).seed)
    fresh = gender_an.build(load_config(path))
    after = []
    for name in ("first", "second"):
        editor = gender_an.build(load_config(path))
        checkpoint.load(runs / name / "checkpoint.safetensors", {"editor": editor})
        after.append(editor)
    names = [n for n, _ in fresh.named_parameters()]
    first, second = (dict(e.named_parameters()) for e in after)
    assert all(torch.equal(first[n], dict(fresh.named_parameters())[n]) for n in names)
    assert any(not torch.equal(second[n], first[n]) for n in names)


def test_privacynet_from_recipe_to_protector(place):
    groups = '["Male", "Age_Under_30|Age_30_To_49|Age_50_Or_More", "White|Black|Asian"]'
    text = (
        'kind = "privacynet"\ndata = ["pack.parquet", "people.parquet"]\nframe = 64\nwidth = 8\n'
        f'labels = "aux-demographics"\nmatcher = "matcher.onnx"\ngroups = {groups}\nblocks = 1\n'
        "critic_width = 8\ncritic_layers = 4\ncritic_steps = 2\nsteps = 4\nbatch = 4\n"
        "sheet_every = 4\nanchored = true\n"
    )
    path = write(place, "privacynet", text)
    measured = run_recipe(path, place, place, place / "runs", "cpu")
    assert {"D_adv", "D_gp", "D_att", "G_adv", "G_att", "G_rec", "G_fm"} == set(measured)
    publish(path, place / "runs", place, place / "weights")
    faces = np.random.default_rng(0).random((3, 224, 224, 3)).astype(np.float32)
    outs = [
        build_crop_protector(
            "privacynet", weights=place / "weights", options=MethodOptions(hide=hide)
        ).protect(faces, MALE, 1 - MALE)
        for hide in (("gender",), ("gender", "age"), ("gender", "age", "race"))
    ]
    assert not np.allclose(outs[0], outs[1])
    assert not np.allclose(outs[1], outs[2])


def test_a_held_out_classifier_chooses_the_checkpoint(place):
    """Of the steps measured, the one nearest to a coin's accuracy is kept, and published."""
    runs = place / "runs"
    gender = (
        'kind = "gender"\ndata = ["pack.parquet"]\nvalidation = "pack.parquet"\nframe = 64\n'
        "widths = [8, 8]\nbatch = 4\nsteps = 2\n"
    )
    run_recipe(write(place, "aux", gender), place, place, runs, "cpu")
    more = 'held_out = "aux"\nguides = ["aux"]\nvalidation = "pack.parquet"\n'
    path = gender_an_recipe(place, "chosen", more)
    path.write_text(path.read_text().replace("sheet_every = 5", "sheet_every = 2"))
    measured = run_recipe(path, place, place, runs, "cpu")
    assert "G_guide" in measured
    lines = (runs / "chosen" / "accuracy.csv").read_text().split()
    assert lines[0] == "step,accuracy"
    steps, values = zip(*(line.split(",") for line in lines[1:]), strict=True)
    assert steps == ("2", "4", "5")
    best = min(range(3), key=lambda i: abs(float(values[i]) - 0.5))
    with safe_open(runs / "chosen" / "best.safetensors", framework="pt") as file:
        assert file.metadata() == {"step": steps[best]}
    onnx = publish(path, runs, place, place / "weights")
    kept = load_file(onnx.with_suffix(".safetensors"))
    chosen = load_file(runs / "chosen" / "best.safetensors")
    assert all(torch.equal(v, chosen[f"editor.{k}"].to(v.dtype)) for k, v in kept.items())


def test_what_cannot_be_hidden_is_refused(place):
    gender_an_recipe(place)
    with pytest.raises(OptionError, match="gender-an cannot hide 'race'"):
        build_crop_protector(
            "gender-an", weights=place / "weights", options=MethodOptions(hide=("race",))
        )
    with pytest.raises(OptionError, match="hide: got 'height'"):
        build_crop_protector("gender-an", options=MethodOptions(hide=("height",)))
    with pytest.raises(OptionError, match="san does not take it"):
        build_crop_protector("san", options=MethodOptions(hide=("age",)))
    assert build_crop_protector("san", options=MethodOptions(hide=("gender",))).name == "san"


def test_damaged_weights_are_named(place, tmp_path):
    card = json.loads((place / "weights" / "gender_an.json").read_text())
    (tmp_path / "gender_an.json").write_text(json.dumps(card | {"kind": "protector"}))
    with pytest.raises(ModelError, match="expected 'editor'"):
        build_crop_protector("gender-an", weights=tmp_path)
    (tmp_path / "gender_an.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="no such file"):
        build_crop_protector("gender-an", weights=tmp_path)


def test_losses_in_minus_one_to_one(place):
    """The same step with the wider range: the reconstruction counts twice, the slope half."""
    from dataclasses import replace

    from faceveil.systems.editors.network_gender_an import Discriminator
    from faceveil.systems.editors.train import Team

    config = replace(load_config(gender_an_recipe(place)), critic_steps=1, views=False)
    found = {}
    for name, span in (("unit", (0.0, 1.0)), ("symmetric", (-1.0, 1.0))):
        torch.manual_seed(0)
        c = replace(config, value_range=span)
        team = Team(c, gender_an.build(c), Discriminator(64), torch.nn.Flatten(), (), 0)
        image = torch.rand(4, 3, 64, 64)
        source = torch.tensor([[0.0, 1, 0, 1]] * 4)
        _, found[name] = gender_an.objective(team, 0, image, source, loop.step_generator(1, 1))
    unit, symmetric = found["unit"], found["symmetric"]
    assert symmetric["G_rec"] == pytest.approx(2 * unit["G_rec"], rel=1e-5)
    assert symmetric["D_gp"] != pytest.approx(unit["D_gp"], rel=1e-3)
    assert symmetric["D_adv"] == unit["D_adv"]


def test_a_recipe_of_the_papers_own_reading_runs(place):
    more = (
        'condition = "input"\ncondition_critic = true\nvalue_range = [-1.0, 1.0]\n'
        'interpolation = "bicubic"\n[data]\ntrain = ["pack.parquet"]\norder = "source"\nstop = -8\n'
    )
    path = gender_an_recipe(place, "read", more)
    path.write_text(path.read_text().replace('data = ["pack.parquet"]\n', "", 1))
    measured = run_recipe(path, place, place, place / "runs", "cpu")
    assert np.isfinite(list(measured.values())).all()
