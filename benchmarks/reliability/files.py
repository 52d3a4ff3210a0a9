"""Mutated picture files through ``faceveil protect`` and the REST API.

``python -m benchmarks.reliability.files protect [--count 5000] [--seed 0] [--start 0]``, or ``api``

Fifty files at a time are one folder and one process of ``protect``; the API is ``faceveil serve``
in a process of its own, which gets all of them. What goes wrong is kept with the file's name, which
together with the seed makes the file again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from benchmarks.reliability.common import FACEVEIL, bad_message, digests, memory_mb, report, run
from benchmarks.reliability.mutants import Mutant, mutants
from benchmarks.reliability.server import send, serving

BATCH = 50
HANG = 10.0
MEMORY_MB = 2048
CHOICES = ("protect", "api")


def protect_all(count: int, seed: int, start: int = 0) -> dict[str, Any]:
    """All files through the command line, in batches."""
    found = _empty()
    source = mutants(count, seed, start)
    while batch := [m for _, m in zip(range(BATCH), source, strict=False)]:
        with tempfile.TemporaryDirectory() as folder:
            _protect_batch(batch, Path(folder), found)
    return _judged(found)


def _protect_batch(batch: list[Mutant], folder: Path, found: dict[str, Any]) -> None:
    for mutant in batch:
        path = folder / "in" / mutant.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(mutant.data)
    before, report_file = digests(folder / "in"), folder / "report.json"
    where = [str(folder / "in"), "-o", str(folder / "out"), "--report", str(report_file), "-q"]
    ended = run([*FACEVEIL, "protect", *where], seconds=HANG * len(batch))
    found["peak_memory_mb"] = max(found["peak_memory_mb"], round(ended.peak_mb))
    first = batch[0].name
    if ended.hung or ended.code not in (0, 1) or not report_file.exists():
        what = "hangs" if ended.hung else "crashes"
        found[what].append(f"batch of {first}: exit code {ended.code}: {ended.stderr[-300:]}")
        return
    entries = json.loads(report_file.read_text())["files"]
    statuses = Counter(e["status"] for e in entries)
    found["statuses"].update(statuses)
    lines = ended.stderr.splitlines()
    if len(lines) != statuses["failed"] + statuses["no_face"]:
        told = {e["message"] for e in entries}
        extra = [line for line in lines if not any(m and line.endswith(m) for m in told)]
        found["bad_lines"].append(f"batch of {first}: {extra[:3]}")
    if (ended.code != 0) != (statuses["failed"] > 0):
        found["wrong_exit_codes"].append(f"batch of {first}: {ended.code} with {dict(statuses)}")
    if digests(folder / "in") != before:
        found["changed_inputs"].append(f"batch of {first}")
    for entry in entries:
        name = Path(entry["source"]).name
        found["slowest_seconds"] = max(found["slowest_seconds"], entry["seconds"])
        if entry["seconds"] > HANG:
            found["hangs"].append(f"{name}: {entry['seconds']:.1f} s")
        if entry["status"] in ("failed", "no_face"):
            _look_at(found, name, entry["message"])
        if (entry["status"] == "protected") != (folder / "out" / name).exists():
            found["partial_files"].append(name)


def api_all(count: int, seed: int, start: int = 0) -> dict[str, Any]:
    """All files through ``POST /api/v1/protect`` of one server, one after another."""
    found = _empty()
    with serving() as server, httpx.Client(base_url=server.url, timeout=10 * HANG) as client:
        for mutant in mutants(count, seed, start):
            start = time.perf_counter()
            try:
                answer = send(client, "protect", {"photo": mutant.data})
            except httpx.HTTPError as error:
                found["crashes"].append(f"{mutant.name}: {type(error).__name__}")
                continue
            seconds = time.perf_counter() - start
            found["slowest_seconds"] = max(found["slowest_seconds"], round(seconds, 3))
            if seconds > HANG:
                found["hangs"].append(f"{mutant.name}: {seconds:.1f} s")
            found["statuses"][str(answer.status_code)] += 1
            if answer.status_code >= 500:
                found["crashes"].append(f"{mutant.name}: {answer.status_code}")
            elif answer.status_code >= 400:
                body = answer.json()
                if set(body) != {"code", "message"}:
                    found["bad_lines"].append(f"{mutant.name}: {body}")
                _look_at(found, mutant.name, body["message"])
        found["peak_memory_mb"] = round(memory_mb(server.pid, "VmHWM"))
        said = Path(server.stderr).read_text().splitlines()
        found["bad_lines"] += [f"server: {line}" for line in said]
    return _judged(found)


def _empty() -> dict[str, Any]:
    lists = ("crashes", "hangs", "bad_lines", "wrong_exit_codes", "changed_inputs", "partial_files")
    return {
        "statuses": Counter(),
        "messages": Counter(),
        "peak_memory_mb": 0,
        "slowest_seconds": 0.0,
        **{name: [] for name in lists},
    }


def _look_at(found: dict[str, Any], name: str, message: str) -> None:
    found["messages"][message.split(":")[0].split(";")[0]] += 1
    if reason := bad_message(message):
        found["bad_lines"].append(f"{name}: {reason}: {message}")


def _judged(found: dict[str, Any]) -> dict[str, Any]:
    found["messages"] = dict(found["messages"].most_common(15))
    wrong = [name for name, value in found.items() if isinstance(value, list) and value]
    found["good"] = not wrong and found["peak_memory_mb"] < MEMORY_MB
    return found


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("through", choices=CHOICES)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="number of the first file")
    a = parser.parse_args()
    way = {"protect": protect_all, "api": api_all}[a.through]
    found = {"count": a.count, "seed": a.seed, "start": a.start, **way(a.count, a.seed, a.start)}
    report(f"files-{a.through}" + (f"-{a.start}" if a.start else ""), found)


if __name__ == "__main__":
    main()
