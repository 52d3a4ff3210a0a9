"""What a release refuses, and what its bill of materials and checksums say."""

import hashlib
import json
import sys
import zipfile

import pytest

from tests.conftest import ROOT

GOOD = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-21\n\n### Added\n\n- A thing.\n"


@pytest.fixture(scope="module")
def release():
    sys.path.insert(0, str(ROOT / "release"))
    try:
        import sbom

        import release

        yield release, sbom
    finally:
        sys.path.remove(str(ROOT / "release"))


@pytest.fixture
def wheel(tmp_path):
    """A wheel with one of each: a model with a card, CenterFace, the portrait, code."""
    card = {"title": "A model", "licence": "MIT for the weights", "terms": ["research only"]}
    files = {
        "faceveil/weights/san.onnx": b"model",
        "faceveil/weights/san.json": json.dumps(card).encode(),
        "faceveil/weights/centerface.onnx": b"detector",
        "faceveil/assets/astronaut.png": b"portrait",
        "faceveil/__init__.py": b"",
    }
    path = tmp_path / "faceveil-1.2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("version", "changelog", "changes", "words"),
    [
        ("1.2.0", GOOD, "", ""),
        ("1.3.0", GOOD, "", r"no line '## [1.3.0]"),
        ("1.2", GOOD, "", "no line"),
        ("1.2.0", GOOD.replace(" - 2026-11-21", ""), "", "no line"),
        ("1.2.0", GOOD.replace("- A thing.\n", ""), "", "nothing under [1.2.0]"),
        ("1.2.0", GOOD.replace("- A thing.\n", "## [1.1.0] - 2026-01-01\n- Old.\n"), "", "nothing"),
        ("1.2.0", GOOD, " M a.py\n?? b.py\n", "2 files are not committed"),
    ],
)
def test_unfinished(release, version, changelog, changes, words):
    found = release[0].unfinished(version, changelog, changes)
    assert (words in found) if words else found == ""


def test_published_files_fit_their_checksums(release, tmp_path, wheel):
    output = tmp_path / "dist"
    release[0].publish([wheel], output)
    line = (output / "SHA256SUMS").read_text("utf-8")
    assert line == f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n"
    assert sorted(p.name for p in output.iterdir()) == ["SHA256SUMS", wheel.name]


def test_a_failed_build_publishes_nothing(release, tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("it broke")

    monkeypatch.setattr(release[0], "build", fail)
    monkeypatch.setattr(sys, "argv", ["release.py", "--draft", "--output", str(tmp_path / "dist")])
    assert release[0].main() == 1
    assert capsys.readouterr().err == "release: it broke\n"
    assert not (tmp_path / "dist").exists()


def test_models_and_pictures_of_the_wheel(release, wheel):
    parts = {c["name"]: c for c in release[1].carried(wheel)}
    assert set(parts) == {"san.onnx", "centerface.onnx", "astronaut.png"}
    digest = hashlib.sha256(b"model").hexdigest()
    assert parts["san.onnx"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert parts["san.onnx"]["properties"][0]["value"] == "research only"
    assert parts["centerface.onnx"]["licenses"] == [{"license": {"name": "MIT"}}]
    assert parts["astronaut.png"]["type"] == "data"


def test_tools_of_the_environment_are_left_out(release, wheel):
    bom = {
        "metadata": {"component": {"name": "faceveil", "bom-ref": "root"}},
        "components": [{"name": n, "bom-ref": n} for n in ("numpy", "pillow", "pip", "setuptools")],
        "dependencies": [
            {"ref": "root", "dependsOn": ["numpy", "pillow"]},
            {"ref": "pillow", "dependsOn": ["setuptools"]},
            {"ref": "numpy"},
            {"ref": "setuptools", "dependsOn": ["pip"]},
            {"ref": "pip"},
        ],
    }
    done = release[1].extended(bom, wheel)
    assert [c["name"] for c in done["components"]] == ["numpy", "pillow"]
    assert done["dependencies"] == [
        {"ref": "root", "dependsOn": ["numpy", "pillow"]},
        {"ref": "pillow"},
        {"ref": "numpy"},
    ]
    assert len(done["metadata"]["component"]["components"]) == 3


def test_third_party_files_are_those_of_the_build(release):
    """The versions in the bill are those that build_hook.py fetches."""
    hook = (ROOT / "build_hook.py").read_text("utf-8")
    for name, (package, version, _) in release[1].CARRIED.items():
        assert f'"{package}=={version}"' in hook
        assert f"/{name}" in hook


def test_a_bad_bill_is_refused(release):
    pytest.importorskip("cyclonedx", reason="cyclonedx-bom is not installed (make release)")
    good = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    release[1].check_sbom(json.dumps(good))
    with pytest.raises(RuntimeError, match="not valid"):
        release[1].check_sbom(json.dumps(good | {"components": [{"name": "x"}]}))
