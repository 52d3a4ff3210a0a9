"""The landmark recipe and the candidates made with it, small, from packs to published files."""

import json

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pa = pytest.importorskip("pyarrow", reason="needs the train extra")
onnx = pytest.importorskip("onnx", reason="needs the train extra")
import pyarrow.parquet as pq  # noqa: E402

from faceveil.errors import OptionError  # noqa: E402
from faceveil.imaging.geometry import canonical_template  # noqa: E402
from faceveil.inference.device import Choice  # noqa: E402
from faceveil.systems.mixing import landmark_teacher  # noqa: E402
from faceveil.systems.mixing import train_candidates as candidates  # noqa: E402
from faceveil.systems.mixing import train_landmarks as landmarks  # noqa: E402
from faceveil.systems.mixing.candidates import load_candidates  # noqa: E402
from faceveil.systems.mixing.landmarks import MIRRORED, SIDE, SQUARE, LandmarkFinder  # noqa: E402
from faceveil.systems.recipes import LandmarkConfig  # noqa: E402
from faceveil.training.publish import publish  # noqa: E402
from faceveil.training.run import run_recipe  # noqa: E402

SHAPE = np.random.default_rng(5).uniform(0.3, 0.7, (68, 2))
"""What the made-up teacher answers for every crop, as shares of it."""


def teacher_file(path):
    """A network that answers SHAPE, whatever it sees."""
    make = onnx.helper.make_tensor_value_info
    values = {
        "nothing": np.zeros((3, 136), np.float32),
        "axes": np.array([1, 2], np.int64),
        "shape": SHAPE.astype(np.float32).reshape(136),
    }
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
            onnx.helper.make_node("MatMul", ["mean", "nothing"], ["zero"]),
            onnx.helper.make_node("Add", ["zero", "shape"], ["points"]),
        ],
        "teacher",
        [make("image", onnx.TensorProto.FLOAT, ["n", 112, 112, 3])],
        [make("points", onnx.TensorProto.FLOAT, ["n", 136])],
        [onnx.numpy_helper.from_array(v, k) for k, v in values.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    images = []
    for i in range(24):
        small = rng.integers(20 + 100 * (i % 2), 120 + 100 * (i % 2), (8, 8, 3)).astype(np.uint8)
        face = cv2.resize(small, (64, 64), interpolation=cv2.INTER_CUBIC)
        images.append(cv2.imencode(".png", face)[1].tobytes())
    pq.write_table(pa.table({"image": images, "gender": ["m", "f"] * 12}), folder / "pack.parquet")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    teacher_file(folder / "teacher.onnx")
    return folder


def write(folder, name, text):
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\ndata = ["pack.parquet"]\n{text}')
    return path


def small_landmarks(folder):
    return write(
        folder,
        "lm",
        'kind = "landmarks"\nteacher = "teacher.onnx"\nvalidation = "pack.parquet"\n'
        "widths = [32, 32, 32, 32]\nsteps = 3\nbatch = 6\n",
    )


def test_teacher_is_the_mean_over_squares_and_mirrorings(models):
    """Its constant answer, put into each square by hand."""
    found = landmark_teacher.Teacher(models / "teacher.onnx")(np.zeros((2, 64, 64, 3), np.uint8))
    views = []
    for share, height in landmark_teacher.TEACHER_SQUARES:
        whole = SHAPE * share + (0.5 - share / 2, height - share / 2)
        back = whole[MIRRORED]
        back[:, 0] = 1 - back[:, 0]
        views += [whole, back]
    expected = np.mean(views, axis=0) * 224 - 0.5
    np.testing.assert_allclose(found, np.stack([expected] * 2), atol=1e-3)


def test_teachers_square_is_where_it_should_be(models):
    """The brightest pixel of the input is at the dot's place within the square."""
    teacher = landmark_teacher.Teacher(models / "teacher.onnx")
    seen = []

    class Session:
        def run(self, _, feed):
            seen.append(next(iter(feed.values())))
            return (np.zeros((1, 136), np.float32),)

    teacher.session = Session()
    image = np.zeros((1, 128, 128, 3), np.uint8)
    cv2.circle(image[0], (80, 60), 3, (255, 255, 255), -1)
    teacher._square(image, 0.25, 0.25, 0.5)
    y, x = np.argwhere(seen[0][0, ..., 0] > 128).mean(axis=0)
    assert (x + 0.5) / 112 == pytest.approx((80.5 / 128 - 0.25) / 0.5, abs=0.01)
    assert (y + 0.5) / 112 == pytest.approx((60.5 / 128 - 0.25) / 0.5, abs=0.01)


def test_mirrored_is_an_involution_that_swaps_sides():
    assert np.array_equal(MIRRORED[MIRRORED], np.arange(68))
    fixed = np.flatnonzero(np.arange(68) == MIRRORED)
    assert fixed.tolist() == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


@pytest.mark.parametrize("seed", range(4))
def test_points_follow_the_view(seed):
    """Dots drawn on the points are found where the view says that the points are."""
    config = LandmarkConfig("x", "t", degrees=12, scale=0.1, shift=0.04, blur=0, tone=0, grey=0)
    points = np.repeat(canonical_template(224)[0][None], 68, axis=0).astype(np.float32)
    image = np.zeros((128, 128), np.float32)
    x, y = (points[0] + 0.5) * 128 / 224 - 0.5
    cv2.circle(image, (round(x), round(y)), 2, 1.0, -1)
    batch = torch.from_numpy(image)[None, None].repeat(4, 3, 1, 1)
    generator = torch.Generator().manual_seed(seed)
    out, wanted = landmarks.view(
        batch, torch.from_numpy(points)[None].repeat(4, 1, 1), config, generator
    )
    assert out.shape == (4, 3, 112, 112)
    for picture, point in zip(out[:, 0].numpy(), wanted[:, 0].numpy(), strict=True):
        weight = picture / picture.sum()
        grid = np.arange(112)
        centre = np.array([(weight.sum(0) * grid).sum(), (weight.sum(1) * grid).sum()])
        there = (centre + 0.5) * SIDE / 112 + np.array(SQUARE) - 0.5
        assert np.linalg.norm(there - point) < 1.5


def test_from_recipe_to_finder_and_candidates(tmp_path, data, models):
    runs, weights = tmp_path / "runs", tmp_path / "weights"
    path = small_landmarks(tmp_path)
    measured = run_recipe(path, data, models, runs, "cpu")
    assert 0 <= measured["distance"] <= measured["distance_p95"]
    file = publish(path, runs, data, weights)
    card = json.loads(file.with_suffix(".json").read_text())
    assert (card["kind"], card["measured"]["pack.parquet"]) == ("landmarks", measured)
    network = candidates.landmark_network(runs / "lm")
    faces = np.random.default_rng(1).integers(0, 256, (3, 224, 224, 3), np.uint8)
    faces = np.stack([cv2.GaussianBlur(f, (0, 0), 6) for f in faces])
    found = LandmarkFinder(file, choice=Choice(threads=1))(
        (faces / np.float32(255)).astype(np.float32)
    )
    expected = landmarks.found_points(network, faces)
    np.testing.assert_allclose(found, expected, atol=1.0)  # pixels; the crops are resized otherwise

    path = write(
        tmp_path,
        "candidates",
        'kind = "candidates"\nlandmarks = "lm"\nclusters = 2\nleast = 2\n',
    )
    measured = run_recipe(path, data, models, runs, "cpu")
    assert measured["candidates"] == 4
    pool = load_candidates(publish(path, runs, data, weights))
    assert pool.male.tolist() == [False, False, True, True]
    assert pool.faces[pool.male].mean() < pool.faces[~pool.male].mean() - 0.2  # women are lighter


def test_learning(tmp_path, data, models):
    """The points' mean is the start, so that a constant teacher is matched closely."""
    text = small_landmarks(tmp_path).read_text().replace("steps = 3", "steps = 60")
    (tmp_path / "lm.toml").write_text(text + "degrees = 0\nscale = 0\nshift = 0\n")
    measured = run_recipe(tmp_path / "lm.toml", data, models, tmp_path / "runs", "cpu")
    assert measured["distance"] < 0.05


def test_average_of_shifted_copies_is_sharp():
    """Warped to their mean shape the copies agree; a plain mean would blur the dot."""
    shape = np.random.default_rng(2).uniform(70, 150, (68, 2)).astype(np.float32)
    images, shapes = [], []
    for shift in (-6, 0, 6):
        moved = shape + np.float32([shift, 0])
        image = np.zeros((224, 224, 3), np.uint8)
        x, y = moved[30]
        cv2.circle(image, (round(float(x)), round(float(y))), 3, (250, 250, 250), -1)
        images.append(image)
        shapes.append(moved)
    face, mean = candidates.average(np.stack(images), np.stack(shapes))
    np.testing.assert_allclose(mean, shape, atol=1e-3)
    x, y = shape[30].round().astype(int)
    assert face[y, x].min() > 200
    assert np.mean(images, axis=0)[y, x].max() < 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('landmarks = "lm"\n', "expected at least 1600"),
        ('landmarks = "lm"\nclusters = 6\nleast = 2\n', "lower the recipe's clusters"),
        ('landmarks = "nobody"\n', "train the recipe named 'nobody' first"),
    ],
)
def test_candidates_that_cannot_be_made(tmp_path, data, models, text, message):
    run_recipe(small_landmarks(tmp_path), data, models, tmp_path / "runs", "cpu")
    path = write(tmp_path, "candidates", f'kind = "candidates"\n{text}')
    with pytest.raises(OptionError, match=message):
        run_recipe(path, data, models, tmp_path / "runs", "cpu")
