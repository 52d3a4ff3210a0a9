"""Small versions of ``benchmarks/reliability``: real processes, few repeats."""

import asyncio
import os
import re
import sys

import pytest
from benchmarks.reliability import files, kill, load, seeds, trouble
from benchmarks.reliability.common import bad_message, digests, photos, run
from benchmarks.reliability.mutants import MAKERS, mutants
from benchmarks.reliability.server import serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_mutants_follow_from_the_seed():
    first, again = ([m.data for m in mutants(60, 5)] for _ in range(2))
    assert first == again
    assert first != [m.data for m in mutants(60, 6)]
    assert {m.recipe.partition(" ")[0] for m in mutants(60, 5)} == set(MAKERS)


@pytest.mark.parametrize(
    ("message", "good"),
    [
        ("damaged: it ends too early; expected a whole photo; copy it again", True),
        ("cannot identify image file <_io.BytesIO object at 0x7f>", False),
        ("two\nlines", False),
        ("", False),
        ("unexpected TypeError: x; please report it", False),
        ("x" * 400, False),
    ],
)
def test_judge_of_messages(message, good):
    assert (bad_message(message) is None) == good


def test_hung_process_is_stopped_and_says_so():
    ended = run([sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.5)
    assert ended.hung
    assert ended.seconds < 30


def test_peak_memory_is_the_childs():
    code = "import time; x = b'x' * 300_000_000; del x; time.sleep(0.4)"
    assert 280 < run([sys.executable, "-c", code]).peak_mb < 400


def test_mutated_files_through_the_command_line():
    found = files.protect_all(100, 11)
    assert found["good"], {k: v for k, v in found.items() if isinstance(v, list) and v}
    assert sum(found["statuses"].values()) == 100
    assert found["statuses"]["failed"] > 20
    assert found["statuses"]["protected"] > 5


def test_mutated_files_through_the_api():
    found = files.api_all(100, 12)
    assert found["good"], {k: v for k, v in found.items() if isinstance(v, list) and v}
    assert sum(found["statuses"].values()) == 100
    assert found["statuses"]["200"] > 5


def test_killed_and_gone_on():
    found = kill.measure(2, 3, 1)
    assert found["good"], found


def test_a_lost_photo_would_be_seen(tmp_path, monkeypatch):
    """The check can fail: here the second run leaves a photo out."""
    real = kill.run

    def forgetful(command, *more):
        ended = real(command, *more)
        out = kill.Path(command[command.index("-o") + 1])
        if len(forgetful.calls) == 1:
            next(out.rglob("*.png")).unlink()
        forgetful.calls.append(command)
        return ended

    forgetful.calls = []
    monkeypatch.setattr(kill, "run", forgetful)
    found = kill.measure(1, 2, 1)
    assert found["lost"]
    assert not found["good"]


@pytest.mark.parametrize("scene", sorted(trouble.SCENES))
def test_trouble(tmp_path, scene):
    check, needs_root = trouble.SCENES[scene]
    if needs_root and (os.geteuid() != 0 or not can_mount(tmp_path)):
        pytest.skip("needs root that may mount")
    source, wanted = tmp_path / "photos", tmp_path / "wanted"
    photos(source, 5)
    assert trouble.protect(source, wanted).code == 0
    (tmp_path / "place").mkdir()
    assert check(tmp_path / "place", source, digests(wanted)) == []


def can_mount(folder):
    try:
        with trouble.mounted(folder / "try", "size=64k"):
            return True
    except (OSError, trouble.subprocess.CalledProcessError):
        return False


def test_load_of_a_few_seconds():
    with serving() as server:
        found = asyncio.run(load.load(server.url, server.pid, 0.05, 6, 0))
    assert found["wrong"] == []
    assert found["answers"]["200"] > 0
    assert found["memory_mb"]["most"] > 50


def test_same_seed_same_bytes():
    found = seeds.measure(["mixing"], [1, 3], with_clip=False)
    assert found["good"], found
    assert set(found["methods"]) == {"mixing", "san with --key"}


def test_documented_scripts_are_there():
    """Every documented script is there, and says how it is called."""
    folder = files.Path(files.__file__).parent
    table = (folder / "README.md").read_text()
    for name in re.findall(r"`(\w+)\.py`", table):
        assert f"benchmarks.reliability.{name}" in (folder / f"{name}.py").read_text()
