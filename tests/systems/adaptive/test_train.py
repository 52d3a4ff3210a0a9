"""The default protector's training, small, and the attackers that learn along."""

import csv
import math

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pa = pytest.importorskip("pyarrow", reason="needs the train extra")
import pyarrow.parquet as pq  # noqa: E402

from faceveil.inference.device import Choice  # noqa: E402
from faceveil.systems.adaptive import attackers, losses  # noqa: E402
from faceveil.systems.adaptive import train as adaptive  # noqa: E402
from faceveil.systems.adaptive.network import ResidualEditor  # noqa: E402
from faceveil.systems.adaptive.sampling import bend  # noqa: E402
from faceveil.systems.recipes import AdaptiveConfig  # noqa: E402
from faceveil.training import checkpoint, loop  # noqa: E402
from faceveil.training.config import load_config  # noqa: E402
from faceveil.training.run import run_recipe  # noqa: E402
from tests.training.networks.test_onnx_graph import small_graph  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adaptive")
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (12, 128, 128, 3), dtype=np.uint8)
    images = [cv2.imencode(".png", f)[1].tobytes() for f in faces]
    table = pa.table({"image": images, "gender": ["m", "f"] * 6})
    pq.write_table(table, folder / "pack.parquet")
    small_graph(folder / "matcher.onnx", side=112)
    (folder / "aux.toml").write_text(
        'kind = "gender"\nname = "aux"\ndata = ["pack.parquet"]\nvalidation = "pack.parquet"\n'
        "frame = 64\nwidths = [8, 8]\nbatch = 4\nsteps = 2\n"
    )
    run_recipe(folder / "aux.toml", folder, folder, folder / "runs", "cpu")
    return folder


def recipe(folder, name):
    path = folder / f"{name}.toml"
    path.write_text(
        f'kind = "adaptive"\nname = "{name}"\ndata = ["pack.parquet"]\nmatcher = "matcher.onnx"\n'
        'guides = ["aux"]\nwidths = [16, 16]\nbatch = 4\nsteps = 4\nfresh_every = 2\n'
        "attackers = 2\nsheet_every = 4\n"
    )
    return path


def test_from_recipe_and_resumed_bit_identical(place, monkeypatch):
    """Stopped after an attacker began again, then resumed: the weights of an undisturbed run."""
    runs = place / "runs"
    measured = run_recipe(recipe(place, "straight"), place, place, runs, "cpu")
    assert set(measured) == (
        {"square", "smooth", "tone", "guides", "fooled", "match0", "short0", "even", "attackers"}
    )
    sheet = cv2.imread(str(runs / "straight" / "sheets" / "step-0000004.png"))
    assert sheet.shape == (4 * 128, 8 * 128, 3)
    real = loop.step_generator

    def stopping(seed, step):
        if step == 3:
            raise KeyError
        return real(seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "step_generator", stopping)
        patch.setitem(loop.run.__kwdefaults__, "save_every", 1)
        with pytest.raises(KeyError):
            run_recipe(recipe(place, "stopped"), place, place, runs, "cpu")
    run_recipe(recipe(place, "stopped"), place, place, runs, "cpu", resume=True)
    a, b = (runs / n / "checkpoint.safetensors" for n in ("straight", "stopped"))
    assert a.read_bytes() == b.read_bytes()


def test_published_and_run(place):
    from faceveil.systems.adaptive.protector import AdaptiveProtector
    from faceveil.training import checkpoint
    from faceveil.training.config import load_config
    from faceveil.training.publish import publish

    path = recipe(place, "shipped")
    run_recipe(path, place, place, place / "runs", "cpu")
    onnx = publish(path, place / "runs", place, place / "weights")
    protector = AdaptiveProtector(onnx, choice=Choice(threads=1))
    faces = np.random.default_rng(0).random((3, 224, 224, 3)).astype(np.float32)
    male = np.array([1, 0, 1], np.float32)
    target = np.array([0, 0.5, 1], np.float32)
    out = protector.protect(faces, male, target)
    np.testing.assert_array_equal(out, protector.protect(faces, 1 - male, target))  # no label
    one = protector.protect(faces[1:2], male[1:2], target[1:2])
    np.testing.assert_allclose(one, out[1:2], atol=1e-4)
    assert protector.protect(faces[:0], male[:0], target[:0]).shape == (0, 224, 224, 3)
    network = adaptive.build(load_config(path)).eval()
    checkpoint.load(place / "runs" / "shipped" / "checkpoint.safetensors", {"editor": network})
    small = np.stack([cv2.resize(x, (128, 128), interpolation=cv2.INTER_AREA) for x in faces])
    with torch.no_grad():
        x, t = torch.from_numpy(small).permute(0, 3, 1, 2), torch.from_numpy(target)
        mirrored = (network(x.flip(3), t) - x.flip(3)).flip(3)
        change = ((network(x, t) - x + mirrored) / 2).permute(0, 2, 3, 1).numpy()
    up = np.stack([cv2.resize(c, (224, 224), interpolation=cv2.INTER_CUBIC) for c in change])
    np.testing.assert_allclose(out, np.clip(faces + up, 0, 1), atol=3e-3)  # 16-bit weights


def test_with_a_budget_a_bank_and_a_chooser(place):
    """All that the second recipe adds, on a matcher asked twice; the best step is kept."""
    people = [f"p{k}" for k in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)]
    table = pq.read_table(place / "pack.parquet").append_column("identity", pa.array(people))
    wide = pa.concat_tables([table] * 4)
    pq.write_table(wide, place / "people.parquet")
    path = recipe(place, "second")
    path.write_text(
        path.read_text()
        .replace("pack.parquet", "people.parquet")
        .replace('["aux"]', '["aux", "noise_1.onnx"]')
        + 'second_matcher = "matcher.onnx"\nbank = 4\nas_used = true\noval = true\n'
        "lambda_mirror = 1.0\nlambda_hinge = 1.0\nlambda_beyond = 9.0\nlambda_veiled = 9.0\n"
        "gain = 2.0\nsmoothing = 1.2\nchroma_smoothing = 6.0\nloose = 0.5\nguides_a_step = 2\n"
        'readers = ["aux"]\nvalidation = "people.parquet"\nchoose_every = 2\n'
    )
    measured = run_recipe(path, place, place, place / "runs", "cpu")
    assert {"match0", "match1", "short0", "short1", "bank0", "mirror", "beyond", "veiled"} <= set(
        measured
    )
    run = place / "runs" / "second"
    rows = list(csv.DictReader((run / "chosen.csv").open()))
    assert [r["step"] for r in rows] == ["2", "4"]
    assert set(rows[0]) == {"step", "aux", "fresh0", "kept0", "fresh1", "kept1", "change", "score"}
    best = max(rows, key=lambda r: float(r["score"]))
    network = adaptive.build(load_config(path))
    assert checkpoint.load(run / "best.safetensors", {"editor": network}) == int(best["step"])


def test_as_used_is_what_the_protector_does():
    """Against OpenCV's filters, as the protector has them, at the canonical size."""
    from faceveil.systems.adaptive.protector import calmer
    from faceveil.systems.san.protector import add_change

    config = AdaptiveConfig(
        "x",
        "m",
        (),
        frame=224,
        gain=2.0,
        used_strength=0.5,
        smoothing=3.0,
        chroma_smoothing=6.0,
        chroma_gain=0.7,
    )
    rng = np.random.default_rng(0)
    image = rng.random((2, 224, 224, 3)).astype(np.float32)
    change = cv2.GaussianBlur(rng.normal(0, 0.3, (224, 224, 3)).astype(np.float32), (0, 0), 2)
    change = np.stack([change, -change[::-1]])
    as_nchw = lambda x: torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))  # noqa: E731
    found = losses.AsUsed(config)(as_nchw(image), as_nchw(image + change))
    wanted = add_change(image, calmer(change, 6.0, 0.7), 3.0, 1.0)
    np.testing.assert_allclose(found.numpy().transpose(0, 2, 3, 1), wanted, atol=4e-3)


def test_beyond_nearby_against_scipy():
    from scipy.ndimage import maximum_filter, minimum_filter

    rng = np.random.default_rng(3)
    a, b = rng.random((2, 3, 24, 24)).astype(np.float32) * 0.5 + 0.25, None
    b = np.clip(a + rng.normal(0, 0.3, a.shape), 0, 1).astype(np.float32)
    cells = lambda x: x.reshape(2, 3, 12, 2, 12, 2).mean(axis=(3, 5))  # noqa: E731
    size = (1, 1, 9, 9)
    top = maximum_filter(cells(a), size, mode="nearest")
    low = minimum_filter(cells(a), size, mode="nearest")
    over = np.maximum(cells(b) - top, 0) + np.maximum(low - cells(b), 0)
    found = losses.beyond_nearby(torch.from_numpy(a), torch.from_numpy(b))
    assert float(found) == pytest.approx((over**2).mean(), rel=1e-4)
    assert float(losses.beyond_nearby(torch.from_numpy(a), torch.from_numpy(a))) == 0


def test_veiled_where_eyes_lose_contrast_and_nowhere_else():
    image = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    assert float(losses.veiled(image, image)) == 0
    eyes, chin = image.clone(), image.clone()
    eyes[..., 44:60, 32:58] = 0.5
    chin[..., 110:126, 50:76] = 0.5
    assert float(losses.veiled(image, eyes)) > 1e-3
    assert float(losses.veiled(image, chin)) == 0
    assert float(losses.veiled(image, 0.5 + 1.2 * (image - 0.5))) == 0  # more is no fault


def test_outside_the_oval_nothing_changes():
    torch.manual_seed(0)
    network = ResidualEditor((8, 16), oval=True).eval()
    with torch.no_grad():
        network.residual.bias.fill_(100)
        x = torch.rand(1, 3, 112, 112)
        change = (network(x, torch.tensor([1.0])) - x).abs().amax(dim=1)[0]
    y, z = np.mgrid[:112, :112] * 2 + 0.5
    radius = np.hypot((z - 112) / 68, (y - 118) / 88)
    assert change[torch.from_numpy(radius > 1.15)].max() == 0
    assert change[torch.from_numpy(radius < 0.85)].min() > 0.3


def test_even_odds_by_hand():
    logits = torch.tensor([0.0, 2.0, -2.0])
    p = [0.5, 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))]
    by_hand = -sum(math.log(q) + math.log(1 - q) for q in p) / 6
    assert float(losses.even_odds(logits)) == pytest.approx(by_hand, rel=1e-5)
    assert float(losses.even_odds(torch.zeros(3))) == pytest.approx(math.log(2), rel=1e-6)


def test_smallness_by_hand():
    grey = torch.zeros(1, 3, 16, 16)
    grey[..., 8:] = 0.5  # one edge of 16 pixels in 16 rows, the same in all colours
    found = losses.smallness(grey)
    assert float(found["square"]) == pytest.approx(0.125)
    assert float(found["smooth"]) == pytest.approx(0.5 / 15)
    assert float(found["tone"]) == pytest.approx(0, abs=1e-12)
    red = torch.zeros(1, 3, 16, 16)
    red[:, 0] = 0.1
    chroma = np.array([0.1, 0, 0]) - 0.0299
    assert float(losses.smallness(red)["tone"]) == pytest.approx((chroma**2).mean(), rel=1e-4)


def test_lessons_reach_attackers_and_opinions_reach_faces():
    torch.manual_seed(0)
    attacker = attackers.new_attackers(1, "cpu")[0]
    faces = torch.rand(4, 3, 128, 128, requires_grad=True)
    male = torch.tensor([1.0, 0, 1, 0])
    generator = torch.Generator().manual_seed(0)
    attacker.lesson(faces, male, generator).backward()
    assert faces.grad is None
    weights = [p for p in attacker.network.parameters() if p.grad is not None]
    assert weights
    for p in weights:
        p.grad = None
    attacker.opinion(faces, generator).sum().backward()
    assert faces.grad.abs().sum() > 0
    assert all(p.grad is None for p in attacker.network.parameters())


def test_begin_again_forgets():
    torch.manual_seed(0)
    attacker = attackers.new_attackers(1, "cpu")[0]
    optimizer = torch.optim.Adam(attacker.network.parameters())
    faces, male = torch.rand(4, 3, 128, 128), torch.tensor([1.0, 0, 1, 0])
    attacker.lesson(faces, male, torch.Generator().manual_seed(0)).backward()
    optimizer.step()
    before = [p.detach().clone() for p in attacker.network.parameters()]
    state = torch.get_rng_state()
    attackers.begin_again(attacker, optimizer, 5)
    assert torch.equal(torch.get_rng_state(), state)
    assert not optimizer.state
    after = list(attacker.network.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_network_begins_by_changing_next_to_nothing_and_stays_bounded():
    torch.manual_seed(0)
    network = ResidualEditor((8, 16), bound=0.2, reach=0.0).eval()
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert (network(x, torch.tensor([0.0, 1.0])) - x).abs().max() < 0.02
        network.residual.bias.fill_(100)
        change = network(x, torch.tensor([0.0, 1.0])) - x
    torch.testing.assert_close(change, torch.full_like(change, 0.2))


def test_bend_against_a_shift():
    """A constant field of two pixels is a shift by two pixels, borders repeated."""
    x = torch.rand(1, 3, 16, 16)
    field = torch.zeros(1, 2, 4, 4)
    field[:, 0] = 2 * 2 / 16
    expected = torch.cat([x[..., 2:], x[..., -1:], x[..., -1:]], dim=3)
    torch.testing.assert_close(bend(x, field), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(bend(x, 0 * field), x, atol=1e-6, rtol=0)
