"""A whole evaluation: from TOML and packs to report, with judges whose answers are known."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="needs the report extra")
pytest.importorskip("jinja2", reason="needs the report extra")
pytest.importorskip("matplotlib", reason="needs the report extra")
import pyarrow.parquet as pq  # noqa: E402

from faceveil.cli.main import main  # noqa: E402
from faceveil.evaluation import run  # noqa: E402
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher, people  # noqa: E402

HERE = "tests.evaluation.test_run"


def nothing(crops, male):
    """A broken protector: its input."""
    return crops


def stranger(crops, male):
    """A perfect one: another person, of one brightness."""
    rng = np.random.default_rng(5)
    faces = rng.integers(100, 156, (len(crops), 8, 8))
    return np.kron(faces, np.ones((1, 28, 28))).astype(np.uint8)


def veil(crops, male):
    """Hides the gender, keeps the person: every face gets the same brightness."""
    level = crops.mean(axis=(1, 2), keepdims=True)
    return np.clip(crops - level + 125, 0, 255).astype(np.uint8)


def noisy(crops, male):
    """Unnatural: strong pixel noise."""
    noise = np.random.default_rng(3).normal(0, 40, crops.shape)
    return np.clip(crops + noise, 0, 255).astype(np.uint8)


SHADES = np.random.default_rng(11)


def shade(crops, male):
    """Draws anew each time: a random shade over the face's own."""
    shift = SHADES.normal(0, 30, (len(crops), 1, 1))
    return np.clip(crops + shift, 0, 255).astype(np.uint8)


class Throws(BrightnessJudge):
    """Fails at the 37th face."""

    def p_male(self, crops):
        for i in range(len(crops)):
            if i == 36:
                raise RuntimeError("threw at face 37")
        return super().p_male(crops)


class NotANumber(BrightnessJudge):
    """Answers NaN once."""

    def p_male(self, crops):
        scores = super().p_male(crops)
        scores[3] = np.nan
        return scores


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Two packs of synthetic people, and judges that read brightness and patterns."""
    for name, count, seed in (("test", 60, 1), ("own", 30, 2)):
        crops, male, identity = people(count, 3, seed)
        images = [cv2.imencode(".png", cv2.resize(c, (128, 128)))[1].tobytes() for c in crops]
        columns = {
            "image": images,
            "gender": ["m" if m else "f" for m in male],
            "identity": [str(i) for i in identity],
            "race": [("Black", "White")[(i // 2) % 2] for i in identity],
        }
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    use(monkeypatch, BrightnessJudge(gain=2.0))
    return tmp_path


def use(monkeypatch, *judges):
    found = tuple(judges), (PatchMatcher(),)
    monkeypatch.setattr(run, "judges_of", lambda *_: found)


def write(place, text="", adversaries='["zero-effort", "flip", "similarity"]'):
    protectors = "".join(
        f'[[protector]]\nmethod = "{HERE}:{m}"\nname = "{m}"\n'
        for m in ("nothing", "stranger", "veil")
    )
    if "quality" not in text:
        text += "\nquality = []"  # the slowest part, and not what most tests ask
    (place / "e.toml").write_text(
        f'title = "Test"\ndata = "."\nadversaries = {adversaries}\nattacker = "own.parquet"\n'
        f'fmrs = [0.1, 0.01]\nrepeats = 40\n{text}\n[[protector]]\nmethod = "original"\n'
        f'{protectors}\n[[set]]\npath = "test.parquet"\n'
    )
    return place / "e.toml"


def evaluate(place, *more):
    command = ["evaluate", place / "e.toml", "-o", place / "out", "--threads", "1", *more]
    return main([str(x) for x in command])


def lines(place):
    found = json.loads((place / "out" / "summary.json").read_text())["headline"]
    return {x["protector"]: x for x in found}


def test_broken_and_perfect_protectors_land_in_their_corners(place, capsys):
    write(place)
    assert evaluate(place) == 0
    found = lines(place)
    original, broken = found["original"], found["nothing"]
    assert {k: v for k, v in broken.items() if k not in ("protector", "strength")} == {
        k: v for k, v in original.items() if k not in ("protector", "strength")
    }
    assert original["gender EER"] < 0.05
    assert original["TMR@0.01"] > 0.95
    assert original["strongest AUC"] > 0.99
    assert 0.3 < found["stranger"]["gender EER"] < 0.7
    assert found["stranger"]["TMR kept"] < 0.2
    assert 0.3 < found["veil"]["gender EER"] < 0.7
    assert found["veil"]["TMR kept"] > 0.9
    assert "| original |" in capsys.readouterr().out
    assert (place / "out" / "report.html").stat().st_size > 20000
    assert len(list((place / "out" / "sheets").glob("*.jpg"))) == 4


def test_the_rows(place):
    write(place, 'quality = ["psnr", "ssim", "ms_ssim"]')
    evaluate(place)
    rows = pq.read_table(place / "out" / "results.parquet").to_pylist()
    metrics = {(r["kind"], r["metric"]) for r in rows}
    assert {("gender", "AUC"), ("gender", "EER"), ("gender", "balanced accuracy")} <= metrics
    assert {("matcher", "TMR@0.01"), ("matcher", "rank-1"), ("quality", "SSIM")} <= metrics
    groups = {r["group"] for r in rows}
    assert {"all", "gender=male", "race=Black"} <= groups
    assert {"TMR@0.1 fixed", "FMR@0.1 fixed", "FNMR@0.1 fixed"} <= {m for _, m in metrics}
    notes = {r["note"].split(";")[0] for r in rows if r["kind"] == "matcher"}
    assert notes == {"original-protected", "protected-protected", "original-original"}
    for r in rows:
        assert r["value"] is not None
        if r["low"] is not None and r["metric"] == "AUC":
            assert r["low"] <= r["value"] <= r["high"]
    assert {r["n"] for r in rows if r["group"] == "all" and r["metric"] != "PSNR"} == {180}


def test_a_run_is_resumed_and_not_overwritten(place, monkeypatch, capsys):
    write(place)
    calls, real = [], run.measure

    def counted(case, wanted):
        calls.append(case.protector)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(case, wanted)

    monkeypatch.setattr(run, "measure", counted)
    assert evaluate(place) == 130
    assert not (place / "out" / "report.html").exists()
    assert evaluate(place) == 2
    assert "--resume" in capsys.readouterr().err
    assert evaluate(place, "--resume") == 0
    assert len(calls) == 5  # two were kept, one was cut off and done again, one was left
    first = (place / "out" / "results.parquet").read_bytes()
    assert evaluate(place, "--resume") == 0
    assert len(calls) == 5
    assert (place / "out" / "results.parquet").read_bytes() == first


def adversary_rows(place):
    rows = pq.read_table(place / "out" / "results.parquet").to_pylist()
    return {
        (r["protector"], r["judge"]): r["value"]
        for r in rows
        if r["adversary"] == "averaging" and r["metric"] == "AUC"
    }


def test_who_draws_anew_is_asked_again_and_averaged(place):
    path = write(place, "versions = 12", adversaries='["zero-effort", "averaging"]')
    path.write_text(path.read_text().replace(":veil", ":shade"))
    assert evaluate(place) == 0
    found = adversary_rows(place)
    variants = ("scores/brightness", "pictures/brightness")
    assert set(found) == {("veil", v) for v in variants}  # the others give the same each time
    single = lines(place)["veil"]["zero-effort AUC"]
    assert min(found.values()) > single + 0.05


@pytest.mark.parametrize(
    "entry",
    [
        'method = "ensemble"\ncombine = "gibbs"\nstages = 3',
        'method = "san"\ntarget = "random"',
    ],
)
def test_gibbs_and_random_targets_give_several_answers(place, entry):
    (place / "e.toml").write_text(
        'title = "T"\ndata = "."\nadversaries = ["averaging"]\nfmrs = [0.1]\nrepeats = 20\n'
        f'versions = 3\n[[protector]]\n{entry}\nname = "stochastic"\n'
        '[[protector]]\nmethod = "san"\n[[set]]\npath = "test.parquet"\nlimit = 24\n'
    )
    evaluate(place)
    assert {p for p, _ in adversary_rows(place)} == {"stochastic"}


def textured(place, name):
    """The same pack with a natural texture, which flat blocks lack: NIQE is of textures."""
    table = pq.read_table(place / f"{name}.parquet")
    rng = np.random.default_rng(1)
    images = []
    for data in table["image"].to_pylist():
        flat = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        grain = cv2.GaussianBlur(rng.normal(0, 60, flat.shape), (0, 0), 1.5)
        images.append(cv2.imencode(".png", np.clip(flat + grain, 0, 255))[1].tobytes())
    at = table.column_names.index("image")
    pq.write_table(table.set_column(at, "image", [images]), place / f"{name}.parquet")


def redden(crops, male):
    """A protector of colours; grey crops would have no fourth axis to redden."""
    out = crops.astype(np.int32)
    out[..., 0] += 60
    return np.clip(out, 0, 255).astype(np.uint8)


def test_crops_in_colour(place):
    path = write(place, 'quality = ["psnr", "ssim", "ms_ssim"]', adversaries='["zero-effort"]')
    text = path.read_text().replace(":veil", ":redden").replace(":stranger", ":nothing")
    path.write_text(text + "colour = true\nlimit = 60\n")
    evaluate(place)
    rows = pq.read_table(place / "out" / "results.parquet").to_pylist()
    assert {r["data"] for r in rows} == {"test-colour"}
    change = {r["protector"]: r["value"] for r in rows if r["metric"] == "mean change"}
    assert change["veil"] == pytest.approx(60 / 255 / 3, rel=0.05)
    ssim = {r["protector"]: r["value"] for r in rows if r["metric"] == "SSIM"}
    assert ssim["nothing"] == 1 > ssim["veil"]


@pytest.mark.parametrize("other", ["", "own.parquet"])
def test_niqe_where_it_is_asked_for(place, other):
    textured(place, "test")
    textured(place, "own")
    path = write(
        place,
        f'quality = ["ssim", "niqe"]\nniqe_block = 32\nniqe_set = "{other}"',
        adversaries='["zero-effort"]',
    )
    text = path.read_text().replace(":veil", ":noisy")
    path.write_text(
        text.replace('test.parquet"', 'test.parquet"\nlimit = 24').replace("0.1, 0.01", "0.1")
    )
    assert evaluate(place) == 0
    rows = pq.read_table(place / "out" / "results.parquet").to_pylist()
    assert {r["metric"] for r in rows if r["kind"] == "quality"} == {"mean change", "SSIM", "NIQE"}
    niqe = {r["protector"]: r for r in rows if r["metric"] == "NIQE"}
    assert niqe["nothing"]["value"] == niqe["original"]["value"]
    assert niqe["veil"]["value"] > niqe["original"]["value"] + 1
    name = "own" if other else "test"
    assert niqe["veil"]["note"].startswith("32 px blocks, fitted on ")
    assert niqe["veil"]["note"].endswith(f" originals of {name}")
    page = (place / "out" / "report.html").read_text()
    assert f"NIQE ({niqe['veil']['note']})" in page


def test_a_niqe_that_cannot_be_fitted_is_a_gap(place, capsys):
    path = write(place, 'quality = ["niqe"]\nniqe_block = 112', adversaries='["zero-effort"]')
    path.write_text(path.read_text().replace('test.parquet"', 'test.parquet"\nlimit = 12'))
    assert evaluate(place) == 1
    assert "sharp blocks; expected 72 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("judge", "why"), [(Throws, "threw at face 37"), (NotANumber, "not finite")]
)
def test_a_judge_that_fails_leaves_a_marked_gap(place, monkeypatch, capsys, judge, why):
    write(place, adversaries='["zero-effort"]')
    use(monkeypatch, BrightnessJudge(gain=2.0), judge("bad"))
    assert evaluate(place) == 1
    assert why in capsys.readouterr().err
    summary = json.loads((place / "out" / "summary.json").read_text())
    assert {g[2] for g in summary["gaps"]} == {"bad"}
    page = (place / "out" / "report.html").read_text()
    assert "not measured" in page
    assert why in page
    assert lines(place)["original"]["gender EER"] < 0.05  # of the judge that works


def test_too_few_pairs_is_a_gap_that_names_the_number(place, capsys):
    path = write(place, adversaries='["zero-effort"]')
    path.write_text(path.read_text().replace("[0.1, 0.01]", "[0.1, 0.0001]"))
    assert evaluate(place) == 1
    assert "100,000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace('"similarity"', '"magic"'), "adversary 'magic'"),
        (lambda t: t.replace('attacker = "own.parquet"\n', ""), "name a pack as 'attacker'"),
        (lambda t: t.replace("test.parquet", "gone.parquet"), "no such file"),
        (lambda t: t.replace('name = "veil"', 'name = "nothing"'), "called alike"),
        (lambda t: t.replace(":veil", ":wail"), "wail"),
        (lambda t: t + "limmit = 3\n", "unknown key 'limmit'"),
        (lambda t: t + 'mode = "video"\n', "crop, photo"),
        (lambda t: t.split("[[set]]")[0], "one [[set]]"),
        (lambda t: t + "x = = 1\n", "expected TOML"),
        (lambda t: t.replace("repeats = 40", "repeats = 40\nversions = 1"), "versions 1"),
        (lambda t: t.replace("quality = []", 'quality = ["lpip"]'), "quality 'lpip'"),
        (lambda t: t.replace("repeats = 40", "niqe_block = 33"), "niqe_block 33"),
        (lambda t: t.replace('name = "veil"', "strengths = [2.0]"), "strength 2.0"),
    ],
)
def test_bad_configurations_get_one_line(place, capsys, change, message):
    path = write(place)
    path.write_text(change(path.read_text()))
    assert evaluate(place) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in said


def killed(crops, male):
    """As the system does to a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_is_one_line_and_loses_nothing(place, capsys):
    path = write(place, adversaries='["zero-effort"]')
    text = path.read_text().replace(f'{HERE}:veil"', f'{HERE}:killed"')
    path.write_text(text.replace('method = "original"', 'method = "original"\nname = "o"'))
    assert evaluate(place, "--jobs", "2") == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "--resume and fewer --jobs" in said


def slow(crops, male):
    """Says who it is, then takes longer than any test."""
    with open(os.environ["FACEVEIL_TEST_PIDS"], "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(300)
    return crops


def gone(pid):
    """Whether a process has ended; one whose parent has not asked yet has."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def interruptible():
    """A shell's background jobs ignore Ctrl-C, and so do their children unless it is handled."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes in /proc")
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_is_one_line_and_leaves_no_process(place, jobs):
    path = write(place, adversaries='["zero-effort"]')
    text = path.read_text()
    for name in ("nothing", "stranger", "veil"):
        text = text.replace(f'{HERE}:{name}"', f'{HERE}:slow"')
    path.write_text(text.replace('[[protector]]\nmethod = "original"\n', "", 1))
    pids = place / "pids"
    command = [sys.executable, "-m", "faceveil.cli.main", "evaluate", path, "-o", place / "out"]
    with subprocess.Popen(
        [*command, "--jobs", jobs, "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal makes it
        env=os.environ | {"FACEVEIL_TEST_PIDS": str(pids)},
        cwd=Path(__file__).parents[2],
    ) as process:
        try:
            deadline = time.monotonic() + 240
            while not (pids.exists() and len(pids.read_text().split()) == int(jobs)):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)
            said, complaint = process.communicate(timeout=120)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # whatever went wrong, nothing is left behind
            raise
    assert process.returncode == 130
    assert said == ""
    assert complaint.strip().splitlines() == [
        "faceveil: interrupted; what was measured is kept: go on with --resume"
    ]
    workers = [int(pid) for pid in pids.read_text().split()]
    deadline = time.monotonic() + 20
    while not all(gone(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_missing_extra_is_said_before_anything_is_measured(place, monkeypatch, capsys):
    write(place)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "faceveil.evaluation.report.html", raising=False)
    assert evaluate(place) == 2
    assert 'pip install "faceveil[report]"' in capsys.readouterr().err
    assert not (place / "out").exists()


def test_values_set_on_the_command_line(place):
    write(place, adversaries='["flip"]')
    assert evaluate(place, "--set", "set.0.limit=60", "--set", "fmrs=[0.1]") == 0
    rows = pq.read_table(place / "out" / "results.parquet").to_pylist()
    assert {r["n"] for r in rows if r["group"] == "all" and r["metric"] != "PSNR"} == {60}
    assert "TMR@0.01" not in {r["metric"] for r in rows}


def test_one_gender_only(place, capsys):
    table = pq.read_table(place / "test.parquet")
    women = table.filter(pa.compute.equal(table["gender"], "f"))
    pq.write_table(women, place / "test.parquet")
    write(place)
    assert evaluate(place) == 2
    assert "one gender only" in capsys.readouterr().err


def test_photos_are_judged_by_whoever_finds_the_face(place, portrait):
    """Photo mode: protected faces are pasted back and found again."""
    folder = place / "photos"
    folder.mkdir()
    lines_ = ["file,gender,identity"]
    for i in range(4):
        shade = np.clip(portrait.astype(int) + 6 * i, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), shade[..., ::-1])
        lines_.append(f"{i}.png,{'mf'[i % 2]},{i // 2}")
    (place / "photos.csv").write_text("\n".join(lines_) + "\n")
    (place / "e.toml").write_text(
        'title = "Photos"\ndata = "."\nadversaries = ["zero-effort"]\nfmrs = [0.5]\nrepeats = 20\n'
        '[[protector]]\nmethod = "original"\n[[protector]]\nmethod = "blur"\n'
        '[[set]]\npath = "photos"\nmode = "photo"\n'
    )
    evaluate(place)
    rows = pq.read_table(place / "out" / "results.parquet").to_pylist()
    assert {r["mode"] for r in rows} == {"photo"}
    lost = {r["protector"]: r["value"] for r in rows if r["metric"] == "faces no longer found"}
    assert set(lost) == {"original", "blur"}
    assert lost["original"] == 0
    picture = cv2.imread(str(next((place / "out" / "sheets").glob("blur*"))))
    assert picture.shape == (448, 4 * 224, 3)
    inner = picture[:, 60:164].astype(float)  # of the first face, where the paste is not feathered
    before, after = inner[60:164], inner[284:388]
    assert cv2.Laplacian(after, cv2.CV_64F).std() < 0.8 * cv2.Laplacian(before, cv2.CV_64F).std()
