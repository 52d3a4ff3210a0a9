"""What an evaluation leaves behind: results.parquet, summary.json, report.html, and its sheets."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort

from faceveil import __version__
from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.config import EvaluationConfig
from faceveil.evaluation.rows import FLIPPED, Curve, Row, chosen, mean, strongest, to_columns
from faceveil.imaging.encode import write_atomic
from faceveil.inference.card import WEIGHTS
from faceveil.types import Uint8Array

SHEET_FACES = 8


def write_results(
    config: EvaluationConfig, rows: Sequence[Row], curves: Sequence[Curve], output: Path
) -> str:
    """Write the three files, each whole or not at all.

    Args:
        config: what was measured.
        rows: all figures.
        curves: all ROC curves.
        output: folder; contact sheets are taken from its ``sheets``.

    Returns:
        The headline as a Markdown table.

    Raises:
        OptionError: if the extra ``report`` is missing.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from faceveil.evaluation.report.html import Report, Sheet, render  # processes need it not
    except ImportError as error:
        raise OptionError(str(missing_extra("evaluate", error, "report"))) from error
    output.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(to_columns(rows)), sink)
    write_atomic(sink.getvalue().to_pybytes(), output / "results.parquet", overwrite=True)
    lines = headline(rows, min(config.fmrs))
    record = {
        "title": config.title,
        "headline": lines,
        "gaps": [
            [r.protector, r.data, r.judge or r.metric, r.note] for r in rows if r.value is None
        ],
        "versions": versions(),
        "weights": digests(config),
    }
    text = json.dumps(record, indent=1) + "\n"
    write_atomic(text.encode(), output / "summary.json", overwrite=True)
    sheets = [
        Sheet(p.stem, base64.b64encode(p.read_bytes()).decode())
        for p in sorted((output / "sheets").glob("*.jpg"))
    ]
    created = datetime.now(UTC).date().isoformat()
    page = render(
        Report(
            config.title, created, lines, tuple(rows), tuple(curves), tuple(sheets),
            versions(), digests(config), min(config.fmrs),
        )
    )  # fmt: skip
    write_atomic(page.encode(), output / "report.html", overwrite=True)
    return markdown(lines)


def markdown(lines: Sequence[dict[str, Any]]) -> str:
    """The headline as a Markdown table."""
    if not lines:
        return ""
    names = list(lines[0])

    def cell(value: Any) -> str:
        return f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)

    table = [names, ["---"] * len(names), *([cell(x[n]) for n in names] for x in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in table)


def headline(rows: Sequence[Row], fmr: float) -> list[dict[str, Any]]:
    """One line per protector, strength and mode: what a reader looks for first.

    Gender is the mean EER of zero effort over judges and sets as they are, its extremes, and the
    strongest adversary of all with its interval: the greatest of AUC and 1 - AUC, since who is
    wrong more often than right only has to take the opposite. Matching is the mean TMR and the
    share of the originals' TMR that is kept; the change is the mean absolute one.

    Args:
        rows: of a whole evaluation.
        fmr: false match rate of the TMR.
    """
    keys = dict.fromkeys((r.protector, r.strength, r.mode) for r in rows)
    tmr = f"TMR@{fmr:g}"
    full = {k[2]: _matching(rows, k, tmr) for k in keys if k[0] == "original"}
    lines = []
    for key in keys:
        protector, strength, mode = key
        own = chosen(rows, protector=protector, strength=strength, mode=mode, group="all")
        zero = chosen(own, adversary="zero-effort", metric="EER")
        best = strongest(chosen(own, kind="gender", metric="AUC"))
        eers = [r.value for r in zero if r.value is not None]
        matched, before = _matching(rows, key, tmr), full.get(mode)
        lines.append(
            {
                "protector": protector,
                "strength": strength,
                "mode": mode,
                "gender EER": mean(zero),
                "lowest EER": min(eers, default=None),
                "highest EER": max(eers, default=None),
                "zero-effort AUC": mean(chosen(own, adversary="zero-effort", metric="AUC")),
                "strongest adversary": f"{best.adversary}: {best.judge}" if best else None,
                "strongest flipped": best.note == FLIPPED if best else None,
                "strongest AUC": best.value if best else None,
                "strongest low": best.low if best else None,
                "strongest high": best.high if best else None,
                tmr: matched,
                "TMR kept": matched / before if matched is not None and before else None,
                "change": mean(chosen(own, metric="mean change")),
            }
        )
    return lines


def _matching(rows: Sequence[Row], key: tuple[str, float, str], tmr: str) -> float | None:
    """Mean TMR over matchers and sets, original probe against protected gallery."""
    protector, strength, mode = key
    found = chosen(
        rows, protector=protector, strength=strength, mode=mode, kind="matcher", metric=tmr,
        group="all", note="original-protected",
    )  # fmt: skip
    return mean(found)


def contact_sheet(before: Uint8Array, after: Uint8Array) -> bytes:
    """A few faces above their protected versions, as a JPEG.

    Args:
        before: (N, 224, 224[, 3]) uint8.
        after: the same shape.

    Returns:
        Of (448, K x 224[, 3]) pixels, K at most :data:`SHEET_FACES`.
    """
    rows = np.linspace(0, len(before) - 1, min(SHEET_FACES, len(before))).astype(int)
    picture = np.concatenate([np.concatenate(list(x[rows]), axis=1) for x in (before, after)])
    bgr = picture if picture.ndim == 2 else picture[..., ::-1]
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def versions() -> dict[str, str]:
    """Versions by name."""
    return {
        "faceveil": __version__,
        "python": platform.python_version(),
        **{m.__name__: m.__version__ for m in (np, cv2, ort)},
    }


def digests(config: EvaluationConfig) -> dict[str, str]:
    """The SHA-256 of every shipped weight, from its card, and of those that protectors name."""
    cards = {p.stem: json.loads(p.read_text()) for p in sorted(WEIGHTS.glob("*.json"))}
    found = {name: str(card["sha256"]) for name, card in cards.items() if "sha256" in card}
    for spec in config.protectors:
        for path in sorted(spec.weights.iterdir()) if spec.weights else ():
            if path.suffix in (".onnx", ".npz"):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[f"{spec.label}: {path.stem}"] = digest
    return found
