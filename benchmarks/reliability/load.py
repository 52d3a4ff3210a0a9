"""Many clients at once, good and bad, for half an hour, against one ``faceveil serve``.

``python -m benchmarks.reliability.load [--minutes 30] [--clients 32] [--seed 0]``

Each client sends its next call as soon as the last one is answered, so the server is always full
and must refuse some with 429; a client told so waits as ``Retry-After`` says. The clients run in
this process, on the same cores as the server: times hold both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from benchmarks.reliability.common import memory_mb, report
from benchmarks.reliability.mutants import mutants
from benchmarks.reliability.pictures import encoded, portrait
from benchmarks.reliability.server import send, serving

DOCUMENTED = {429, 503, 504}
"""Refusals that say "later" or "not here" and are no fault of the server."""

BAD = 400


class Clients:
    """What the clients send, and what came back."""

    def __init__(self, url: str, seed: int) -> None:
        self.url, self.seed = url, seed
        self.good = [
            encoded(portrait(size), kind, **more)
            for size in (200, 320, 640)
            for kind, more in (("JPEG", {}), ("PNG", {}), ("WEBP", {"quality": 90}))
        ]
        self.bad = [m.data for m in mutants(BAD, seed)]
        self.answers: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.wrong: list[str] = []

    async def work(self, number: int, until: float) -> None:
        """One client, until the time is over."""
        rng = random.Random(f"{self.seed}:{number}")
        async with httpx.AsyncClient(base_url=self.url, timeout=180) as client:
            while time.monotonic() < until:
                await self._call(client, rng)

    async def _call(self, client: httpx.AsyncClient, rng: random.Random) -> None:
        kind = rng.choices(
            ("protect", "options", "check", "detect", "bad", "broken", "left", "read"),
            (30, 15, 10, 15, 15, 5, 5, 5),
        )[0]
        start = time.perf_counter()
        try:
            answer = await self._send(client, kind, rng)
        except (httpx.HTTPError, TimeoutError) as error:
            if kind != "left":  # which goes away on purpose
                self.wrong.append(f"{kind}: {type(error).__name__}: {error}")
            return
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == 429:
            await asyncio.sleep(float(answer.headers["retry-after"]) * rng.uniform(0.5, 1.5))
            return
        self.seconds[kind].append(time.perf_counter() - start)
        if answer.status_code >= 500 and answer.status_code not in DOCUMENTED:
            self.wrong.append(f"{kind}: {answer.status_code}: {answer.text[:200]}")
        good = kind in ("protect", "check", "detect", "read")
        if good and answer.status_code not in (200, *DOCUMENTED):
            self.wrong.append(f"{kind}: {answer.status_code}: {answer.text[:200]}")

    async def _send(
        self, client: httpx.AsyncClient, kind: str, rng: random.Random
    ) -> httpx.Response:
        photo = rng.choice(self.good)
        if kind == "read":
            return await client.get(rng.choice(("/api/v1/health", "/api/v1/models", "/")))
        if kind == "check":
            return await send(client, "check", {"original": photo, "protected": photo})
        if kind == "bad":
            return await send(
                client, rng.choice(("protect", "detect")), {"photo": rng.choice(self.bad)}
            )
        if kind == "broken":  # no form, or an option that there is not
            if rng.random() < 0.5:
                body = rng.randbytes(rng.randrange(3000))
                head = {"content-type": "multipart/form-data; boundary=x"}
                return await client.post("/api/v1/protect", content=body, headers=head)
            return await send(client, "protect", {"photo": photo}, strength="much", nonsense="1")
        if kind == "left":  # hangs up before the answer
            async with asyncio.timeout(rng.uniform(0.001, 0.3)):
                return await send(client, "protect", {"photo": photo})
        fields = {}
        if kind == "options":
            fields = {
                "method": rng.choice(("san", "flowsan", "ensemble", "blur", "mixing", "gender-an")),
                "answer": rng.choice(("image", "json", "zip")),
                "check": rng.choice(("true", "false")),
            }
        return await send(
            client, "detect" if kind == "detect" else "protect", {"photo": photo}, **fields
        )


async def watch(pid: int, samples: list[tuple[float, float]]) -> None:
    """The server's resident memory, every five seconds."""
    start = time.monotonic()
    while True:
        samples.append((round(time.monotonic() - start, 1), round(memory_mb(pid), 1)))
        await asyncio.sleep(5)


async def load(url: str, pid: int, minutes: float, number: int, seed: int) -> dict[str, Any]:
    """All clients at once; what came of it."""
    clients, samples = Clients(url, seed), []
    watcher = asyncio.create_task(watch(pid, samples))
    start = time.monotonic()
    await asyncio.gather(*(clients.work(i, start + 60 * minutes) for i in range(number)))
    seconds = time.monotonic() - start
    watcher.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watcher
    every = [s for kind in clients.seconds.values() for s in kind]
    return {
        "clients": number,
        "minutes": round(seconds / 60, 2),
        "answers": dict(sorted(clients.answers.items())),
        "answered_a_second": round(len(every) / seconds, 1),
        "seconds": {"all": spread(every), **{k: spread(v) for k, v in clients.seconds.items()}},
        "memory_mb": growth(samples),
        "wrong": clients.wrong[:50],
        "wrong_count": len(clients.wrong),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum."""
    array = np.asarray(values)
    named = {"p50": np.median(array), "p99": np.quantile(array, 0.99), "most": array.max()}
    return {"count": len(values), **{name: round(float(v), 3) for name, v in named.items()}}


def growth(samples: list[tuple[float, float]]) -> dict[str, Any]:
    """Memory by tenths of the time, and its slope over the second half in MiB an hour."""
    at, mb = np.array(samples).T
    late = at >= at[-1] / 2
    slope = np.polyfit(at[late], mb[late], 1)[0] * 3600 if late.sum() > 1 else 0.0
    tenths = [round(float(part.mean()), 1) for part in np.array_split(mb, min(10, len(mb)))]
    return {
        "means_of_tenths": tenths,
        "most": float(mb.max()),
        "second_half_slope_an_hour": round(float(slope), 1),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    with serving() as server:
        found = asyncio.run(load(server.url, server.pid, a.minutes, a.clients, a.seed))
        found["server_stderr"] = Path(server.stderr).read_text().splitlines()
    report("load", {"seed": a.seed, **found})


if __name__ == "__main__":
    main()
