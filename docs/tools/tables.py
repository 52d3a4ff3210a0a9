"""MkDocs hook: the tables of figures, made from ``benchmarks/results`` while the site is built.

A page asks for a table by a line such as ``<!-- table: family -->``. Nothing is typed by hand but
what the papers state (``PUBLISHED``). ``<!-- methods -->`` is the list of methods.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
METHODS = "<!-- methods -->"
"""Where a page asks for the methods in plain words."""
MARK = re.compile(r"^<!-- table: ([\w-]+) -->$", re.MULTILINE)

SPACE = "\N{NO-BREAK SPACE}"  # no line ends between a figure and its sign

PUBLISHED = {
    ("original", 0): (0.10, 0.763),
    ("Ens-Avg", 3): (0.23, 0.649),
    ("Ens-Avg", 5): (0.40, 0.481),
    ("Ens-Gibbs", 3): (0.29, 0.652),
    ("Ens-Gibbs", 5): (0.31, 0.656),
    ("Ens-Best", 3): (0.48, None),
    ("Ens-Best", 5): (0.57, None),
    ("FlowSAN", 3): (0.49, 0.619),
    ("FlowSAN", 5): (0.64, 0.354),
}
"""FlowSAN's Table 3: gender EER and TMR at FMR 0.1 %, by method and n."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables in."""
    if METHODS in markdown:
        markdown = markdown.replace(METHODS, methods())
    return MARK.sub(lambda m: table(m[1]), markdown)


def methods() -> str:
    """What ``faceveil methods`` lists."""
    from faceveil.systems.specs import SPECS

    lines = [[f"`{name}`", spec.line, f"{spec.seconds:g}"] for name, spec in SPECS.items()]
    return _markdown(["method", "what it does", "seconds a face, one core"], lines)


def table(name: str) -> str:
    """A table in Markdown.

    Raises:
        KeyError: if there is no table of that name.
    """
    if name not in TABLES:
        raise KeyError(f"table {name!r}: expected one of {', '.join(TABLES)}")
    return TABLES[name]()


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}{SPACE}%"


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _headline(*names: str) -> str:
    head = ["protector", "strength", "gender EER", "lowest and highest judge", "zero effort: AUC"]
    head += ["strongest adversary's AUC", "TMR kept", "mean change"]
    lines, seen = [], set()
    for row in (row for name in names for row in _read(name)["headline"]):
        key = (row["protector"], row["strength"])
        if key in seen:  # a second run of the same configuration repeats the originals
            continue
        seen.add(key)
        span = f"{_percent(row['lowest EER'])} to {_percent(row['highest EER'])}"
        best = f"{row['strongest AUC']:.3f} ({row['strongest low']:.2f} to "
        best += f"{row['strongest high']:.2f}) {row['strongest adversary']}"
        figures = [_percent(row["gender EER"]), span, _three(row["zero-effort AUC"]), best]
        figures += [_percent(row["TMR kept"]), _three(row["change"])]
        lines.append([key[0], f"{key[1]:g}", *figures])
    return _markdown(head, lines)


def _family() -> str:
    head = ["", "n", "gender EER", "lowest and highest judge", "TMR kept", "published EER"]
    head.append("published TMR kept")
    base = PUBLISHED["original", 0][1]
    lines = []
    for row in _read("family")["summary"]:
        eer, tmr = PUBLISHED.get((row["method"], row["n"]), (None, None))
        kept = None if tmr is None or base is None else tmr / base
        span = f"{_percent(row['lowest EER'])} to {_percent(row['highest EER'])}"
        own = [_percent(row["gender EER"]), span, _percent(row.get("TMR kept"))]
        lines.append([row["method"], str(row["n"]), *own, _percent(eer), _percent(kept)])
    return _markdown(head, lines)


def _judge_table(name: str) -> str:
    pack = next(iter(_read(f"judge_table_{name}")["packs"].values()))
    methods = list(pack)
    first = pack[methods[0]]
    lines = []
    for kind, key, score in (("gender", "judge", "auc"), ("matchers", "matcher", "tmr")):
        for i, judge in enumerate(first[kind]):
            after = [_three(pack[m][kind][i][f"{score}_after"]) for m in methods]
            before = _three(judge[f"{score}_before"])
            lines.append([f"`{judge[key]}` ({score.upper()})", before, *after])
    means = [_three(pack[m]["mean_gender_eer_after"]) for m in methods]
    lines.append(["gender EER, mean", _three(first["mean_gender_eer_before"]), *means])
    change = [_three(pack[m]["mean_change"]) for m in methods]
    lines.append(["mean change", _three(0.0), *change])
    return _markdown(["judge", "original", *methods], lines)


def _noise(name: str) -> str:
    head = ["", "unseen judges: mean AUC", "mean EER", "EdgeFace TMR", "MobileFace TMR"]
    head += ["dlib TMR", "mean change"]
    lines = []
    for label, row in _read(name)["rows"].items():
        figures = [_three(row["mean AUC of unseen judges"])]
        figures.append(_percent(row["mean EER of unseen judges"]))
        matchers = ("edgeface_xxs_q_deq", "mobileface_v2", "dlib_densenet_v1")
        figures += [_three(row["TMR"][m]) for m in matchers]
        lines.append([label, *figures, _three(row["mean change"])])
    return _markdown(head, lines)


def _judges() -> str:
    head = ["judge, set", "accuracy", "stated", "AUC", "stated"]
    keys = ("accuracy", "stated accuracy", "AUC", "stated AUC")
    rows = _read("judges")["gender"].items()
    return _markdown(head, [[who, *(_three(row.get(k)) for k in keys)] for who, row in rows])


def _pairs() -> str:
    head = ["matcher, second picture", "accuracy", "stated", "TMR at FMR 1 %", "stated"]
    keys = ("accuracy", "stated accuracy", "TMR at FMR 1 %", "stated TMR")
    rows = _read("judges")["lfw pairs"].items()
    return _markdown(head, [[who, *(_three(row.get(k)) for k in keys)] for who, row in rows])


def _speed() -> str:
    head = ["method", "on", "networks, ms a face", "with all else, ms a face", "of the floor"]
    engine = {"cpu": "ONNX Runtime", "openvino": "OpenVINO"}
    keys = ("networks_ms", "whole_ms")
    lines = [
        [
            f"`{row['method']}`",
            f"{engine[row['device']]}, {row['precision']}",
            *(f"{row[k]:.1f}" for k in keys),
            _percent(row["whole_at"]),
        ]
        for row in _read("floor")["protectors"]
    ]
    return _markdown(head, lines)


def _precision() -> str:
    head = ["method", "precision", "ms a face", "mean AUC", "EER", "TMR kept"]
    lines = []
    for method, precisions in _read("precision")["precisions"].items():
        for name, row in precisions.items():
            auc = [after for _, after in row["gender AUC"].values()]
            kept = [after / before for before, after in row["TMR at FMR 0.1 %"].values()]
            lines.append(
                [
                    f"`{method}`",
                    name,
                    f"{row['ms_a_face_batch_1']:.1f}",
                    _three(sum(auc) / len(auc)),
                    _percent(row["mean gender EER"][1]),
                    _percent(sum(kept) / len(kept)),
                ]
            )
    return _markdown(head, lines)


def _scale() -> str:
    head = [
        "method",
        "cores",
        "local engine, photos a second",
        "Ray",
        "start of the local engine, s",
    ]
    head += ["of Ray, s", "peak of the local engine, MB", "of a worker of Ray, MB"]
    rows = {(r["method"], r["cores"], r["engine"]): r for r in _read("scale")["runs"]}
    keys = ("photos_a_second", "start_seconds", "peak_memory_of_a_process_mb")
    lines = []
    for method, cores in dict.fromkeys(k[:2] for k in rows):
        both = [rows[method, cores, engine] for engine in ("local", "ray")]
        figures = [
            f"{r[key]:.0f}" if "peak" in key else f"{r[key]:.1f}" for key in keys for r in both
        ]
        lines.append([f"`{method}`", str(cores), *figures])
    return _markdown(head, lines)


def _scale_machine() -> str:
    m = _read("scale")
    about = m["machine"]
    head = [
        "processor",
        "cores of it",
        "load before, after",
        "Python",
        "Ray",
        "photos",
        "faces a photo",
    ]
    load = f"{about['load_before']:.1f}, {m['load_after']:.1f}"
    line = [about["processor"], str(about["cores"]), load, about["python"], about["ray"]]
    return _markdown(
        head, [[*line, f"{m['photos']} of LFW", f"{m['runs'][0]['faces_a_photo']:.2f}"]]
    )


def _scale_cost() -> str:
    """From what Ray did on the most cores."""
    head = [
        "method",
        "photos",
        "core-hours",
        "read, TB",
        "written, TB",
        "days on 64 cores, if they scale",
    ]
    runs = [r for r in _read("scale")["runs"] if r["engine"] == "ray"]
    most = max(r["cores"] for r in runs)
    lines = []
    for r in (r for r in runs if r["cores"] == most):
        for name, count in (("a million", 1e6), ("a billion", 1e9)):
            hours = count / (r["photos_a_second"] / r["cores"]) / 3600
            moved = [f"{count * r[f'bytes_{way}_a_photo'] / 1e12:.3g}" for way in ("in", "out")]
            days = f"{hours / 64 / 24:.2g}"
            lines.append([f"`{r['method']}`", name, f"{float(f'{hours:.3g}'):,.12g}", *moved, days])
    return _markdown(head, lines)


def _video_speed() -> str:
    head = ["method", "cores", "CPU time a frame, ms", "frames a second", "peak memory, MB"]
    keys = ("cpu_ms_a_frame", "frames_a_second")
    lines = [
        [r["method"], str(r["cores"]), *(f"{r[k]:.1f}" for k in keys), str(r["peak_memory_mb"])]
        for r in _read("video")["speed_720p_one_face"]
    ]
    return _markdown(head, lines)


def _video_flicker() -> str:
    head = ["method", "frame by frame", "clip", "left", "change, frame by frame", "change, clip"]
    lines = [
        [
            f"`{r['method']}`",
            f"{r['frame_by_frame']:.2f}",
            f"{r['clip']:.2f}",
            f"{100 * r['share_left']:.0f}{SPACE}%",
            f"{r['change_frame_by_frame']:.1f}",
            f"{r['change_clip']:.1f}",
        ]
        for r in _read("video")["flicker"]
    ]
    return _markdown(head, lines)


def _video_effect() -> str:
    head = ["method", "", "mean change of P(male)", "read otherwise than before", "similarity"]
    names = {"frame_by_frame": "frame by frame", "clip": "clip"}
    lines = [
        [
            f"`{method}`",
            name,
            _three(found["mean_change_of_p_male"][key]),
            f"{100 * found['share_read_otherwise'][key]:.0f}{SPACE}%",
            _three(found["mean_similarity"][key]),
        ]
        for method, found in _read("video")["effect_on_photos"].items()
        for key, name in names.items()
    ]
    return _markdown(head, lines)


def _video_live() -> str:
    head = ["method", "workers", "frames a second", "dropped", "late, median, ms", "99 %, ms"]
    lines = [
        [
            r["method"],
            str(r["workers"]),
            f"{r['frames_a_second']:.1f}",
            str(r["dropped"]),
            str(r["late_ms_median"]),
            str(r["late_ms_99"]),
        ]
        for r in _read("live")["runs"]
    ]
    return _markdown(head, lines)


TABLES: dict[str, Callable[[], str]] = {
    "adversaries": lambda: _headline("development", "development-editors", "development-default"),
    "default": lambda: _headline("default"),
    "photos": lambda: _headline("photos"),
    "gender-an": lambda: _headline("gender-an"),
    "family": _family,
    "judges-celeba": lambda: _judge_table("celeba128-test"),
    "judges-lfw": lambda: _judge_table("lfw128"),
    "noise-pgd": lambda: _noise("noise"),
    "noise-cw": lambda: _noise("noise_cw"),
    "judges-stated": _judges,
    "lfw-pairs": _pairs,
    "precision": _precision,
    "speed": _speed,
    "video-speed": _video_speed,
    "video-flicker": _video_flicker,
    "video-effect": _video_effect,
    "video-live": _video_live,
    "scale": _scale,
    "scale-machine": _scale_machine,
    "scale-cost": _scale_cost,
}
"""Tables by name."""
