"""``kill -9`` at random moments of a folder run, which is then started again.

``python -m benchmarks.reliability.kill [--count 200] [--photos 8] [--seed 0]``

Every fifth run is ``--in-place``: there each photo must be the original or its whole result. The
others write into a new folder, and after the second start must hold what an undisturbed run made.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

from benchmarks.reliability.common import FACEVEIL, digests, photos, quiet, report, run

from faceveil.imaging.encode import TEMPORARY


def measure(count: int, number: int, seed: int) -> dict[str, Any]:
    """So many kills over a folder of so many photos."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place) / "in", Path(place) / "out"
        photos(source, number)
        whole = run(_command(source, out))
        if whole.code != 0:
            raise RuntimeError(f"the undisturbed run failed: {whole.stderr}")
        before, wanted = digests(source), digests(out)
        found: dict[str, Any] = {
            "kills": count, "photos": number, "undisturbed_seconds": round(whole.seconds, 2),
            "stopped_after_files": Counter(), "temporary_files_left": 0, "partial_files": [],
            "lost": [], "changed_inputs": [], "different_results": [], "ended_before_kill": 0,
        }  # fmt: skip
        for i in range(count):
            moment = rng.uniform(0, whole.seconds)
            if i % 5 == 4:
                _kill_in_place(source, Path(place) / "copy", moment, before, wanted, found)
            else:
                rmtree(out)
                _kill_and_go_on(source, out, moment, before, wanted, found)
        found["stopped_after_files"] = dict(sorted(found["stopped_after_files"].items()))
        found["stale_removed"] = _stale_is_removed(source, out)
    lists = ("partial_files", "lost", "changed_inputs", "different_results")
    return {**found, "good": not any(found[name] for name in lists) and found["stale_removed"]}


def _command(source: Path, out: Path | None) -> list[str]:
    where = ["--in-place"] if out is None else ["-o", str(out)]
    return [*FACEVEIL, "protect", str(source), *where, "-q", "--jobs", "2"]


def _kill(command: list[str], moment: float) -> bool:
    """Whether it was still running when it was killed."""
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=quiet())
    time.sleep(moment)
    alive = child.poll() is None
    child.kill()
    child.wait()
    return alive


def _finished(folder: Path) -> dict[str, str]:
    return {k: v for k, v in digests(folder).items() if not k.endswith(TEMPORARY)}


def _kill_and_go_on(
    source: Path, out: Path, moment: float,
    before: dict[str, str], wanted: dict[str, str], found: dict[str, Any],
) -> None:  # fmt: skip
    found["ended_before_kill"] += not _kill(_command(source, out), moment)
    there = _finished(out)
    found["stopped_after_files"][len(there)] += 1
    found["temporary_files_left"] += len(digests(out)) - len(there)
    label = f"kill after {moment:.3f} s"
    found["partial_files"] += [f"{label}: {k}" for k, v in there.items() if wanted.get(k) != v]
    again = run(_command(source, out))
    done = _finished(out)
    found["lost"] += [f"{label}: {k}" for k in wanted if k not in done]
    found["different_results"] += [f"{label}: {k}" for k in done if done[k] != wanted.get(k)]
    if again.code != 0 or again.stderr:
        found["different_results"].append(f"{label}: {again.code}: {again.stderr[-200:]}")
    if digests(source) != before:
        found["changed_inputs"].append(label)


def _kill_in_place(
    source: Path, copy: Path, moment: float,
    before: dict[str, str], wanted: dict[str, str], found: dict[str, Any],
) -> None:  # fmt: skip
    rmtree(copy, ignore_errors=True)
    copytree(source, copy)
    found["ended_before_kill"] += not _kill(_command(copy, None), moment)
    there = _finished(copy)
    label = f"in place, kill after {moment:.3f} s"
    found["lost"] += [f"{label}: {k}" for k in before if k not in there]
    found["partial_files"] += [
        f"{label}: {k}" for k, v in there.items() if v not in (before.get(k), wanted.get(k))
    ]


def _stale_is_removed(source: Path, out: Path) -> bool:
    """Whether the next run takes away what a killed one left, once that is a minute old."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = out / f".photo.jpg.{gone.pid}-00000000{TEMPORARY}"
    left.write_bytes(b"half a file")
    os.utime(left, (time.time() - 100, time.time() - 100))
    run(_command(source, out))
    return not left.exists()


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    report("kill", {"seed": a.seed, **measure(a.count, a.photos, a.seed)})


if __name__ == "__main__":
    main()
