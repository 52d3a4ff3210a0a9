"""Measurements as a Markdown table, readable as plain text too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.measurement import Measurement


def render_table(measurements: Mapping[str, Measurement]) -> str:
    """One row per judge, one column per protector: before, then after each of them.

    Args:
        measurements: by protector's name; all of the same crops and judges, at least one.

    Returns:
        A Markdown table with aligned columns, without a final newline.

    Raises:
        OptionError: if there is no measurement, or the judges differ.
    """
    runs = list(measurements.values())
    if not runs:
        raise OptionError("table: got no measurement; expected one or more; measure a protector")
    first = runs[0]
    judges = [[r.judge for r in m.gender] + [r.matcher for r in m.matchers] for m in runs]
    if any(names != judges[0] for names in judges):
        raise OptionError("table: measurements differ in their judges; measure with the same ones")
    header = [f"{first.images} images, {first.people} people", "original", *measurements]
    rows = [header]
    for i, judge in enumerate(first.gender):
        after = [f"{m.gender[i].auc_after:.3f}" for m in runs]
        rows.append([f"{judge.judge} AUC", f"{judge.auc_before:.3f}", *after])
    if first.gender:
        means = [np.mean([g.eer_after for g in m.gender]) for m in runs]
        before = np.mean([g.eer_before for g in first.gender])
        rows.append(["gender EER, mean", f"{before:.3f}", *(f"{x:.3f}" for x in means)])
    for i, matcher in enumerate(first.matchers):
        after = [f"{m.matchers[i].tmr_after:.3f}" for m in runs]
        name = f"{matcher.matcher} TMR @ FMR {first.fmr:g}"
        rows.append([name, f"{matcher.tmr_before:.3f}", *after])
    rows.append(["mean absolute change", "0.000", *(f"{m.mean_change:.3f}" for m in runs)])
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    lines = [
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |"
        for row in [rows[0], rule, *rows[1:]]
    ]
    return "\n".join(lines)
