"""The largest photos that are allowed, all at once: how much memory do they take?

``python -m benchmarks.reliability.large [--side 9990] [--api-side 6300]``

Files of some hundred kilobytes that unpack to 100 million pixels each, in the modes that take most:
through ``protect`` as one folder, and through the API (40 million pixels) from four clients.
"""

from __future__ import annotations

import argparse
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from benchmarks.reliability.common import FACEVEIL, memory_mb, report, run
from benchmarks.reliability.mutants import PNG, chunk, ihdr
from benchmarks.reliability.pictures import encoded
from benchmarks.reliability.server import send, serving
from PIL import Image

from faceveil.files.runs import FILE

COLOURS = {"8-bit-rgb": (8, 2, 3), "8-bit-alpha": (8, 6, 4), "16-bit-rgb": (16, 2, 3),
           "16-bit-alpha": (16, 6, 4)}  # fmt: skip
"""PNG: bits a channel, PNG's number of the colour type, channels."""


def large_png(side: int, bits: int, colour: int, channels: int) -> bytes:
    """One grey square, packed row by row."""
    row = b"\0" + b"\x5a" * (side * channels * bits // 8)
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return PNG + ihdr(side, side, bits, colour) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def large_photos(side: int) -> dict[str, bytes]:
    """Photos by file name."""
    found = {f"{name}.png": large_png(side, *kind) for name, kind in COLOURS.items()}
    ink = Image.new("CMYK", (side, side))
    found["cmyk.tif"] = encoded(ink, "TIFF", compression="tiff_adobe_deflate")
    return found


def through_protect(side: int) -> dict[str, Any]:
    """All of them as one folder, written again since ``--on-no-face copy`` asks for it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        folder.mkdir()
        for name, data in large_photos(side).items():
            (folder / name).write_bytes(data)
        where = [str(folder), "-o", str(Path(place) / "out"), "--on-no-face", "copy", "-q"]
        ended = run([*FACEVEIL, "protect", *where])
        written = len([p for p in (Path(place) / "out").iterdir() if p.name != FILE])
    return {
        "photos": len(COLOURS) + 1, "side": side, "written": written, "exit_code": ended.code,
        "peak_memory_mb": round(ended.peak_mb), "seconds": round(ended.seconds, 1),
    }  # fmt: skip


def through_api(side: int, clients: int = 4) -> dict[str, Any]:
    """Each twice, from some clients at once."""
    pictures = list(large_photos(side).values()) * 2

    def call(data: bytes) -> int:
        with httpx.Client(base_url=server.url, timeout=300) as client:
            return send(client, "protect", {"photo": data}).status_code

    with serving() as server, ThreadPoolExecutor(clients) as pool:
        statuses = list(pool.map(call, pictures))
        peak = memory_mb(server.pid, "VmHWM")
    return {"photos": len(pictures), "side": side, "clients": clients,
            "statuses": sorted(set(statuses)), "peak_memory_mb": round(peak)}  # fmt: skip


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=9990)
    parser.add_argument("--api-side", type=int, default=6300)
    a = parser.parse_args()
    report("large", {"protect": through_protect(a.side), "api": through_api(a.api_side)})


if __name__ == "__main__":
    main()
