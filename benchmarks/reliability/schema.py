"""The REST API fuzzed from its own OpenAPI schema with schemathesis.

``python -m benchmarks.reliability.schema [--examples 300] [--seed 0]``. Needs
the extra ``reliability``.

Against ``faceveil serve`` in a process of its own, without a token and with one. Every answer must
have a documented status, content type and body, and a call that the schema forbids must be refused.
That a call which the schema allows is taken is not asked for: no schema can say that bytes are a
photo with a face.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.reliability.common import quiet, report
from benchmarks.reliability.server import serving

TOKEN = "0123456789abcdefghij"
SETTINGS = """
[checks]
positive_data_acceptance.enabled = false

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 413, 415, 422, 429]
"""


def fuzz(examples: int, seed: int, *options: str, send_token: bool) -> dict[str, Any]:
    """One pass over all operations: what was found, and the end of what schemathesis says."""
    with serving(*options) as server, tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "schemathesis.toml"
        settings.write_text(SETTINGS)
        command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", settings]
        command += ["run", f"{server.url}/openapi.json", "--max-examples", str(examples)]
        command += ["--seed", str(seed), "--phases", "examples,coverage,fuzzing", "--no-color"]
        command += ["--request-timeout", "60", "--continue-on-failure"]
        if send_token:
            command += ["--header", f"Authorization: Bearer {TOKEN}"]
        elif options:  # who has no token learns nothing, not even which methods there are
            command += ["--exclude-checks", "unsupported_method"]
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, errors="replace",
            env=quiet() | {"SCHEMATHESIS_HOOKS": "benchmarks.reliability.schema_hooks"},
            cwd=folder, check=False,
        )  # fmt: skip
        said = Path(server.stderr).read_text().splitlines()
    _, _, summary = done.stdout.partition("= SUMMARY =")
    lines = [line.strip() for line in done.stdout.splitlines()]
    return {
        "exit_code": done.returncode,
        "cases": int(next(iter(re.findall(r"(\d+) generated", summary)), 0)),
        "failures": [line[:160] for line in lines if re.match(r"- ST\d+ ", line)],
        "server_stderr": said,
        "good": done.returncode == 0 and not said,
        "end": [line for line in summary.splitlines() if line.strip("= ")][-20:],
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    found = {
        "without a token": fuzz(a.examples, a.seed, send_token=False),
        "token set and sent": fuzz(a.examples, a.seed, "--token", TOKEN, send_token=True),
        "token set, not sent": fuzz(
            max(a.examples // 10, 1), a.seed, "--token", TOKEN, send_token=False
        ),
    }
    report("schema", {"examples": a.examples, "seed": a.seed, **found})


if __name__ == "__main__":
    main()
