"""The figures on the page of tables are those of the JSON files."""

import json

import numpy as np
import pytest
from docs.tools import tables

from tests.conftest import ROOT

RESULTS = ROOT / "benchmarks/results"


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def shown(pages, site):
    """The tables of figures on the built pages."""
    options, *speed = pages[site / "speed.html"].tables
    assert options[0] == ["option", "what"]
    found = [*pages[site / "reproduction.html"].tables, *speed]
    assert len(found) == len(
        [name for name in tables.TABLES if not name.startswith(("scale", "video"))]
    )
    return found


def number(text):
    return float(text.replace("%", "").strip())


def table_with(shown, *heads):
    return [t for t in shown if set(heads) <= set(t[0])]


def test_family(shown):
    (table,) = table_with(shown, "published EER")
    rows = read("family")["summary"]
    assert [(r[0], int(r[1])) for r in table[1:]] == [(r["method"], r["n"]) for r in rows]
    for line, row in zip(table[1:], rows, strict=True):
        assert number(line[2]) == pytest.approx(100 * row["gender EER"], abs=0.051)
        if row.get("TMR kept") is None:
            assert line[4] == "-"
        else:
            assert number(line[4]) == pytest.approx(100 * row["TMR kept"], abs=0.051)
    flow = next(r for r in table if r[:2] == ["FlowSAN", "3"])
    assert number(flow[5]) == 49.0
    assert number(flow[6]) == pytest.approx(61.9 / 76.3 * 100, abs=0.06)


@pytest.mark.parametrize(
    ("place", "names"),
    [
        (0, ("development", "development-editors", "development-default")),
        (1, ("default",)),
        (2, ("photos",)),
        (3, ("gender-an",)),
    ],
)
def test_headlines(shown, place, names):
    table = table_with(shown, "strongest adversary's AUC")[place]
    measured = {}
    for name in names:
        for row in read(name)["headline"]:
            measured.setdefault((row["protector"], row["strength"]), row)
    assert {(r[0], float(r[1])) for r in table[1:]} == set(measured)
    for line in table[1:]:
        row = measured[line[0], float(line[1])]
        assert number(line[2]) == pytest.approx(100 * row["gender EER"], abs=0.051)
        assert float(line[4]) == pytest.approx(row["zero-effort AUC"], abs=0.00051)
        assert float(line[5].split()[0]) == pytest.approx(row["strongest AUC"], abs=0.00051)
        assert line[5].endswith(row["strongest adversary"])
        assert number(line[6]) == pytest.approx(100 * row["TMR kept"], abs=0.051)


@pytest.mark.parametrize(("place", "name"), [(0, "celeba128-test"), (1, "lfw128")])
def test_judge_tables(shown, place, name):
    table = [t for t in table_with(shown, "judge", "original")][place]
    (pack,) = read(f"judge_table_{name}")["packs"].values()
    for column, method in enumerate(table[0][2:], 2):
        measured = pack[method]
        expected = [g["auc_after"] for g in measured["gender"]]
        expected += [m["tmr_after"] for m in measured["matchers"]]
        expected += [measured["mean_gender_eer_after"], measured["mean_change"]]
        assert [float(r[column]) for r in table[1:]] == pytest.approx(expected, abs=0.00051)


@pytest.mark.parametrize(("place", "name"), [(0, "noise"), (1, "noise_cw")])
def test_noise(shown, place, name):
    table = table_with(shown, "unseen judges: mean AUC")[place]
    rows = read(name)["rows"]
    assert [r[0] for r in table[1:]] == list(rows)
    for line, row in zip(table[1:], rows.values(), strict=True):
        assert float(line[1]) == pytest.approx(row["mean AUC of unseen judges"], abs=0.00051)
        assert float(line[4]) == pytest.approx(row["TMR"]["mobileface_v2"], abs=0.00051)


def test_precision(shown):
    (table,) = table_with(shown, "precision")
    rows = [(m, p, r) for m, by in read("precision")["precisions"].items() for p, r in by.items()]
    for line, (method, precision, row) in zip(table[1:], rows, strict=True):
        assert line[:2] == [method, precision]
        assert float(line[2]) == pytest.approx(row["ms_a_face_batch_1"], abs=0.051)
        mean = np.mean([after for _, after in row["gender AUC"].values()])
        assert float(line[3]) == pytest.approx(mean, abs=0.00051)


def test_speed(shown):
    (table,) = table_with(shown, "of the floor")
    for line, row in zip(table[1:], read("floor")["protectors"], strict=True):
        assert line[0] == row["method"]
        engine = "OpenVINO" if row["device"] == "openvino" else "ONNX Runtime"
        assert line[1] == f"{engine}, {row['precision']}"
        assert float(line[3]) == pytest.approx(row["whole_ms"], abs=0.051)


def test_video(pages, site):
    found = pages[site / "video.html"].tables
    speed, live = (table_with(found, *h)[0] for h in (["cores"], ["workers"]))
    rows = read("video")["speed_720p_one_face"]
    assert [(r[0], int(r[1])) for r in speed[1:]] == [(r["method"], r["cores"]) for r in rows]
    for line, row in zip(speed[1:], rows, strict=True):
        assert float(line[3]) == pytest.approx(row["frames_a_second"], abs=0.051)
    for line, row in zip(live[1:], read("live")["runs"], strict=True):
        assert (line[0], int(line[1])) == (row["method"], row["workers"])
        assert int(line[4]) == row["late_ms_median"]


def test_a_missing_table_says_what_there_is():
    with pytest.raises(KeyError, match="family"):
        tables.on_page_markdown("<!-- table: nonsense -->")


def test_cost_of_many_photos(pages, site):
    """Core-hours by hand, from the rate of Ray on the most cores."""
    head = "core-hours"
    (cost,) = (t for t in pages[site / "scale.html"].tables if head in t[0])
    runs = read("scale")["runs"]
    most = max(r["cores"] for r in runs)
    for line in cost[1:]:
        (run,) = (
            r for r in runs if (r["method"], r["engine"], r["cores"]) == (line[0], "ray", most)
        )
        count = {"a million": 1e6, "a billion": 1e9}[line[1]]
        hours = count * most / run["photos_a_second"] / 3600
        assert float(line[2].replace(",", "")) == pytest.approx(hours, rel=0.006)
        assert float(line[3]) == pytest.approx(count * run["bytes_in_a_photo"] / 1e12, rel=0.006)
        assert float(line[5]) == pytest.approx(hours / 64 / 24, rel=0.06)
    speed = [t for t in pages[site / "scale.html"].tables if "Ray" in t[0] and "cores" in t[0]]
    by = {(r["method"], str(r["cores"]), r["engine"]): r for r in runs}
    assert {(line[0], line[1]) for line in speed[0][1:]} == {k[:2] for k in by}
    for line in speed[0][1:]:
        for cell, engine in zip(line[2:4], ("local", "ray"), strict=True):
            wanted = by[line[0], line[1], engine]["photos_a_second"]
            assert float(cell) == pytest.approx(wanted, abs=0.051)
