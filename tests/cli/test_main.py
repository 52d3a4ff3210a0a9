"""The command itself: version, help, completion, models; quick and quiet to import."""

import json
import subprocess
import sys

import pytest

import faceveil
from faceveil.cli.main import main


def run(*argv):
    return subprocess.run(
        [sys.executable, "-m", "faceveil", *argv], capture_output=True, text=True, check=False
    )


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout == f"faceveil {faceveil.__version__}\n"


def test_no_command_is_a_usage_error():
    done = run()
    assert done.returncode == 2
    assert "COMMAND" in done.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "the following arguments are required: COMMAND; see faceveil --help"),
        (["protect", "x"], "-o/--output --in-place is required; see faceveil protect --help"),
        (["protect", "x", "-o", "y", "--nope"], "--nope; see faceveil --help"),
        (["check", "--jobs"], "; see faceveil check --help"),
    ],
)
def test_a_wrong_call_is_one_line(capsys, argv, said):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(said)


def test_options_of_protect_are_in_groups(capsys):
    with pytest.raises(SystemExit):
        main(["protect", "--help"])
    text = capsys.readouterr().out
    heads = ["output:", "what is done:", "which faces:", "speed and memory:"]
    heads += ["many machines (docs/scale.md):", "camera (docs/video.md):"]
    places = [text.index(f"\n{head}\n") for head in heads]
    assert places == sorted(places)
    assert places[1] < text.index("\n  --method NAME") < places[2] < text.index("\n  --only")
    alone = text[text.index("\noptions:") : places[0]]
    assert alone.count("\n  -") == 1  # --help


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion(shell):
    done = run("--print-completion", shell)
    assert done.returncode == 0
    assert "protect" in done.stdout


def test_models_lists_every_card(capsys):
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert {"san", "gender_estimator", "judge_gender", "judge_matcher"} <= {
        c["name"] for c in cards
    }
    for card in cards:
        assert card["name"] in text
        assert card["licence"]
        assert card["terms"]
        assert card["measured"]
        assert card["sha256"]


def test_import_is_light():
    code = (
        "import sys, faceveil, faceveil.cli.main;"
        "heavy = {'torch', 'cv2', 'onnxruntime', 'pyarrow', 'sklearn'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_protecting_needs_no_torch(tmp_path):
    """Everything that ``load_protector`` and ``check`` import works where torch is absent."""
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['pyarrow'] = None\n"
        "import faceveil\n"
        "faceveil.load_protector('san', threads=1)\n"
        "from faceveil.judges.registry import bundled\n"
        "bundled(threads=1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
