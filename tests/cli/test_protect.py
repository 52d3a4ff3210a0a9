"""``faceveil protect``: flags, exit codes, what is printed."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from faceveil.cli import protect
from faceveil.cli.main import build_parser, main
from faceveil.imaging.formats import READ
from tests.files.test_batch import FakeProtector, bad_files, write_photo
from tests.protect.fakes import FixedDetector


def call(*argv, protector=None):
    arguments = build_parser().parse_args(["protect", *map(str, argv)])
    return protect.run(arguments, protector or FakeProtector())


@pytest.fixture
def photos(tmp_path):
    for i, name in enumerate(("a.png", "sub/b.png")):
        write_photo(tmp_path / "in" / name, i)
    return tmp_path / "in"


def test_all_well_is_zero(photos, tmp_path, capsys):
    assert call(photos, "--output", tmp_path / "out") == 0
    assert (tmp_path / "out" / "sub" / "b.png").is_file()
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "2 photos: 2 protected, 0 no face, 0 skipped, 0 failed; 2 faces" in seen.err


def test_one_line_per_bad_file_and_exit_code_one(photos, tmp_path, capsys):
    bad = bad_files(photos / "bad\nname")
    assert call(photos, "--output", tmp_path / "out") == 1
    lines = capsys.readouterr().err.splitlines()
    about_bad = [line for line in lines if "bad\\nname" in line]
    assert len(about_bad) == bad
    assert f"2 protected, 0 no face, 0 skipped, {bad} failed" in lines[-1]


def test_missing_input_fails_but_the_rest_is_done(photos, tmp_path, capsys):
    assert call(tmp_path / "none.jpg", photos / "a.png", "-o", tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert "none.jpg: no such file" in err
    assert (tmp_path / "out" / "a.png").is_file()


def test_quiet_prints_failures_only(photos, tmp_path, capsys):
    (photos / "empty.png").write_bytes(b"")
    assert call(photos, "-o", tmp_path / "out", "-q") == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{photos / 'empty.png'}: empty, 0 bytes; expected a {READ} photo"
    ]


def test_running_again_skips(photos, tmp_path, capsys):
    call(photos, "-o", tmp_path / "out")
    assert call(photos, "-o", tmp_path / "out") == 0
    assert "2 skipped" in capsys.readouterr().err.splitlines()[-1]
    assert call(photos, "-o", tmp_path / "out", "--existing", "error") == 1


def levels_moved(before, after):
    """By how many grey levels a face was moved, on average: 0.2 x (target - male) x strength."""
    pixels = [np.asarray(Image.open(p).convert("RGB"), float) for p in (before, after)]
    return (pixels[1] - pixels[0])[85:100, 70:90].mean()


@pytest.mark.parametrize(
    ("flags", "share"),
    [
        ([], -1),  # male, as the estimator says, to female
        (["--gender", "female"], 1),
        (["--target", "same"], 0),
        (["--target", "neutral"], -0.5),
    ],
)
def test_gender_and_target(photos, tmp_path, flags, share):
    call(photos / "a.png", "-o", tmp_path / "out", *flags)
    moved = levels_moved(photos / "a.png", tmp_path / "out/a.png")
    assert moved == pytest.approx(share * 0.2 * 0.8 * 255, abs=1)


def test_strength_zero_changes_nothing(photos, tmp_path):
    call(photos / "a.png", "-o", tmp_path / "out", "--strength", 0)
    with Image.open(photos / "a.png") as a, Image.open(tmp_path / "out" / "a.png") as b:
        assert a.tobytes() == b.tobytes()


def test_metadata_flag(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    (tmp_path / "in").mkdir()
    Image.new("RGB", (200, 180), (90, 90, 90)).save(tmp_path / "in/a.jpg", exif=exif.tobytes())
    call(tmp_path / "in", "-o", tmp_path / "bare")
    call(tmp_path / "in", "-o", tmp_path / "kept", "--keep-metadata")
    assert b"Secret" not in (tmp_path / "bare/a.jpg").read_bytes()
    assert b"Secret" in (tmp_path / "kept/a.jpg").read_bytes()


def test_aligned_and_max_pixels(tmp_path, capsys):
    write_photo(tmp_path / "in" / "a.png")
    with Image.open(tmp_path / "in" / "a.png") as image:
        image.crop((0, 0, 128, 128)).save(tmp_path / "in" / "square.png")
    blind = FakeProtector(FixedDetector(()))
    assert call(tmp_path / "in", "-o", tmp_path / "out", "--aligned", protector=blind) == 1
    assert "expected a square" in capsys.readouterr().err
    assert (tmp_path / "out" / "square.png").is_file()
    assert call(tmp_path / "in/a.png", "-o", tmp_path / "o2", "--max-pixels", 100) == 1
    assert "--max-pixels" in capsys.readouterr().err


def test_no_face_choices(photos, tmp_path):
    blind = FakeProtector(FixedDetector(()))
    assert call(photos, "-o", tmp_path / "1", protector=blind) == 0
    assert not (tmp_path / "1").exists()
    assert call(photos, "-o", tmp_path / "2", "--on-no-face", "fail", protector=blind) == 1
    assert call(photos, "-o", tmp_path / "3", "--on-no-face", "copy", protector=blind) == 0
    assert (tmp_path / "3" / "a.png").is_file()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--strength", "2"], "strength: got 2.0"),
        (["--jobs", "-1"], "--jobs: got -1"),
        (["--max-pixels", "0"], "--max-pixels: got 0"),
        (["--method", "magic"], "method: got 'magic'"),
        ([], "no photos there"),
    ],
)
def test_wrong_calls_are_two(tmp_path, capsys, flags, message):
    (tmp_path / "empty").mkdir()
    source = tmp_path / "empty"
    if flags:
        source = write_photo(tmp_path / "in" / "a.png")
    assert main(["protect", str(source), "-o", str(tmp_path / "out"), *flags]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_wrong_face_number_is_a_failure_of_that_photo(photos, tmp_path, capsys):
    assert call(photos, "-o", tmp_path / "out", "--faces", "3") == 1
    assert "the photo has 1" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--in-place", "--output", "x"]])
def test_output_or_in_place(photos, flags, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["protect", str(photos), *flags])
    assert caught.value.code == 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_no_permissions(tmp_path):
    """As an ordinary user, in a process of its own where the tests run as root."""
    for name in ("closed.png", "open.png"):
        write_photo(tmp_path / "in" / name)
    (tmp_path / "in" / "closed.png").chmod(0)
    (tmp_path / "out").mkdir()
    (tmp_path / "sealed").mkdir(mode=0o555)
    script = f"""
import os, sys
sys.path.insert(0, {str(os.getcwd())!r})
from tests.cli.test_protect import call
import faceveil.files.reports, tqdm
from PIL import Image
Image.init()
if os.geteuid() == 0:  # root reads and writes everything: go on as nobody, all modules loaded
    os.setegid(65534); os.seteuid(65534)
print(call({str(tmp_path / "in")!r}, "-o", {str(tmp_path / "out")!r}, "-q"))
print(call({str(tmp_path / "in" / "open.png")!r}, "-o", {str(tmp_path / "sealed")!r}, "-q"))
"""
    for path in (tmp_path, *tmp_path.parents):
        if path == tmp_path or path.name.startswith("pytest"):
            path.chmod(0o755)
    (tmp_path / "out").chmod(0o777)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "1"], done.stderr
    assert "closed.png: no permission to read it" in done.stderr
    assert "open.png: cannot write it: no permission" in done.stderr
    assert (tmp_path / "out" / "open.png").is_file()


@pytest.mark.parametrize("method", ["blur", "pixelate", "black-box"])
def test_methods_without_a_target_say_so(photos, tmp_path, capsys, method):
    flags = ["-o", str(tmp_path / "out"), "--method", method]
    assert main(["protect", str(photos), *flags, "--target", "neutral"]) == 2
    assert f"target: {method} does the same to every face" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_a_method_cannot_hide_is_one_line(photos, tmp_path, capsys):
    flags = ["-o", str(tmp_path / "out"), "--method", "san", "--hide", "gender,age"]
    assert main(["protect", str(photos), *flags]) == 2
    said = capsys.readouterr().err
    assert "san does not take it; it is for gender-an, privacynet" in said
    assert said.count("\n") == 1


def targets(photos, tmp_path, *flags):
    """What each photo's face was drawn to read as: those that stay as they are are drawn male."""
    out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    call(photos, "-o", out, "--target", "random", *flags)
    found = sorted(out.rglob("*.png"))
    drawn = {p.name: levels_moved(photos / p.relative_to(out), p) for p in found}
    return {name: "male" if abs(moved) < 1 else "female" for name, moved in drawn.items()}


def test_a_key_decides_and_folders_are_people(photos, tmp_path):
    for name in "cdefgh":
        write_photo(photos / "sub" / f"{name}.png", ord(name))
    (tmp_path / "key").write_bytes(bytes(range(32)))
    key = ("--key", tmp_path / "key")
    alone = targets(photos / "sub", tmp_path, *key)
    assert set(alone.values()) == {"female", "male"}
    assert alone == targets(photos / "sub", tmp_path, *key, "--seed", 9)
    together = targets(photos / "sub", tmp_path, *key, "--persons", "folder")
    assert len(set(together.values())) == 1
    assert len(set(targets(photos, tmp_path, *key, "--persons", "all").values())) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"short", "got a text of 5 characters"),
        (bytes(32), "1 of them different"),
    ],
)
def test_bad_keys(photos, tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    flags = ["-o", str(tmp_path / "out"), "--target", "random", "--key", str(tmp_path / "key")]
    assert main(["protect", str(photos), *flags]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("flags", [("--key", "key"), ("--persons", "folder")])
def test_what_decides_random_targets_needs_them(photos, tmp_path, capsys, monkeypatch, flags):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_bytes(bytes(32))
    command = ["protect", str(photos), "-o", "out", "--target", "opposite", *flags]
    assert main(command) == 2
    assert "random" in capsys.readouterr().err


def test_the_summary_and_the_report_name_the_device(photos, tmp_path, capsys):
    protector = FakeProtector()
    protector.device = "CUDA"
    report = tmp_path / "report.json"
    assert call(photos, "-o", tmp_path / "out", "--report", report, protector=protector) == 0
    assert capsys.readouterr().err.rstrip().endswith(" s on CUDA")
    settings = json.loads(report.read_text())["settings"]
    assert (settings["device"], settings["runs_on"]) == ("auto", "CUDA")


def test_a_precision_that_is_not_there_is_a_wrong_call(photos, tmp_path, capsys):
    argv = ["protect", str(photos), "-o", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*argv, "--precision", "bfloat16"]) == 2
    said = capsys.readouterr().err
    assert "which only OpenVINO computes in" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_gpu_is_a_wrong_call(photos, tmp_path, capsys, monkeypatch):
    from faceveil.inference import device

    monkeypatch.setattr(device.ort, "get_available_providers", lambda: [device.CPU])
    argv = ["protect", str(photos), "-o", str(tmp_path / "out"), "--device", "cuda"]
    assert main(argv) == 2
    assert "install onnxruntime-gpu" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_key_that_was_made_is_told_once_for_photos_and_clips(
    photos, tmp_path, capsys, monkeypatch
):
    pytest.importorskip("av")
    from faceveil.protect import keys

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    keys._own_key.cache_clear()
    drawing = FakeProtector()
    drawing.crop_protector.own_target = "random"
    monkeypatch.setattr("faceveil.load_protector", lambda **_: drawing)
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no clip")
    try:
        argv = ["protect", str(photos), str(clip), "-o", str(tmp_path / "out")]
        assert protect.run(build_parser().parse_args(argv)) == 1  # the clip
    finally:
        keys._own_key.cache_clear()
    said = capsys.readouterr().err
    assert said.count("made a key for random targets") == 1
    assert (tmp_path / "out" / "a.png").is_file()
