"""``protect --report``: it follows its schema, says what ran, and names no gender."""

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from faceveil import __version__, load_protector
from faceveil.inference.card import WEIGHTS
from tests.cli.test_protect import call
from tests.files.test_batch import bad_files, write_photo

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/report.schema.json").read_text())


def report_of(tmp_path, *argv, protector=None):
    """The report of a run, checked against the schema."""
    file = tmp_path / "made" / "report.json"
    call(*argv, "--report", file, "-q", protector=protector)
    report = json.loads(file.read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    return report


@pytest.fixture
def photos(tmp_path):
    for i, name in enumerate(("a.png", "sub/b.png")):
        write_photo(tmp_path / "in" / name, i)
    return tmp_path / "in"


def keys_of(value):
    """Every key of nested JSON."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_files_that_failed_or_were_not_looked_at(photos, tmp_path):
    bad = bad_files(photos / "bad")
    (photos / "x.gif").write_bytes(b"GIF89a")
    report = report_of(tmp_path, photos, "-o", tmp_path / "out", "--seed", 7, "--target", "random")
    assert report["counts"] == {"protected": 2, "no_face": 0, "skipped": 0, "failed": bad}
    assert report["settings"]["seed"] == 7
    assert {f["target"] for f in report["files"] if f["status"] == "failed"} == {None}
    assert report["not_looked_at"] == [{"source": str(photos / "x.gif"), "kind": ".gif"}]
    assert report["check"] is None


def test_what_ran_is_said_not_what_was_typed(tmp_path, portrait):
    Image.fromarray(portrait[:300, 80:380]).save(tmp_path / "me.png")
    flags = ["-o", tmp_path / "out", "--check"]
    report = report_of(tmp_path, tmp_path / "me.png", *flags, protector=load_protector(threads=1))
    assert report["faceveil"] == __version__
    assert (report["method"], report["settings"]["method"]) == ("adaptive", "default")
    assert (report["target"], report["strength"]) == ("random", 0.8)
    digest = hashlib.sha256((WEIGHTS / "adaptive.onnx").read_bytes()).hexdigest()
    assert report["weights"]["adaptive.onnx"] == digest
    assert {"centerface.onnx", "judge_gender_light.onnx"} <= set(report["weights"])
    (file,) = report["files"]
    assert report["check"]["faces"] == len(file["check"]["faces"]) == 1
    assert report["check"]["asked"] == "three readers; others may differ"
    assert file["check"]["faces"][0]["result"] in ("worked", "did not work")


def test_nobodys_gender_and_no_drawn_target_is_in_it(photos, tmp_path, portrait):
    Image.fromarray(portrait[:300, 80:380]).save(tmp_path / "me.png")
    protector = load_protector("gender-an", threads=1)
    asked = (["--target", "random"], ["--gender", "female"], ["--target", "opposite"])
    for number, flags in enumerate(asked):
        out = ["-o", tmp_path / str(number), "--check", *flags]
        report = report_of(tmp_path, tmp_path / "me.png", *out, protector=protector)
        text = json.dumps({k: v for k, v in report.items() if k not in ("weights", "settings")})
        for word in ("female", '"male', " male", "p_male", "readings"):
            assert word not in text.replace(str(tmp_path), "")
        assert not {"p_male", "gender_given", "readings", "verdict"} & keys_of(report)
        assert report["settings"]["gender"] == ("given" if "--gender" in flags else "auto")


def test_a_blur_has_no_target_and_its_own_strength(tmp_path, portrait):
    Image.fromarray(portrait[:300, 80:380]).save(tmp_path / "me.png")
    report = report_of(
        tmp_path, tmp_path / "me.png", "-o", tmp_path / "out", protector=load_protector("blur")
    )
    assert (report["method"], report["target"], report["strength"]) == ("blur", None, 1.0)
