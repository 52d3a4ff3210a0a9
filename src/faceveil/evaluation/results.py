"""What an evaluation leaves behind: results.parquet, summary.json, report.html."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.config import EvaluationConfig
from faceveil.evaluation.headline import headline
from faceveil.evaluation.provenance import digests, versions
from faceveil.evaluation.recorder import Curve
from faceveil.evaluation.report.html import Report, Sheet, render
from faceveil.evaluation.rows import Row, to_columns
from faceveil.imaging.encode import write_atomic


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
        OptionError: if pyarrow is missing.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
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
        "weights": digests(),
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
            versions(), digests(), min(config.fmrs),
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
