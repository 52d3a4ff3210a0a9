"""The oldest versions that pyproject.toml allows, as constraints for pip, on standard output.

``make floors`` installs them and runs the smoke tests: a floor that cannot run is a lie, and an old
one may be a hole.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_FLOOR = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=([0-9][0-9A-Za-z.]*)")


def floors(project: dict[str, object], extras: list[str]) -> dict[str, str]:
    """Oldest allowed version by package, of the core and of these extras.

    Args:
        project: the table ``project`` of pyproject.toml.
        extras: names of optional dependencies.

    Raises:
        ValueError: if a requirement states no floor, or two that differ.
    """
    wanted = list(project["dependencies"])  # type: ignore[call-overload]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]  # type: ignore[index]
    found: dict[str, str] = {}
    for requirement in wanted:
        match = _FLOOR.match(requirement)
        if match is None:
            raise ValueError(f"{requirement}: no floor; expected NAME>=VERSION")
        name, version = match.groups()
        if found.setdefault(name, version) != version:
            raise ValueError(f"{name}: floors {found[name]} and {version}; expected one")
    return found


if __name__ == "__main__":
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    for package, oldest in floors(project, sys.argv[1:]).items():
        print(f"{package}=={oldest}.*")  # 4.11 is 4.11.0.86, too
