"""Fixtures that many tests share."""

from __future__ import annotations

import os
import shutil
import tempfile

# Before torch is imported: sums in one order whatever the machine, and no threads that wait for
# each other's turn when something else keeps the cores busy (four runs at once on four cores then
# take minutes for what takes one of them eight seconds).
os.environ["OMP_NUM_THREADS"] = "1"
# No test finds, or leaves, a key of the person who runs it; all draw by the same one, or a test
# could pass or fail by a coin.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="faceveil-tests-")
os.environ["FACEVEIL_KEY"] = ""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
KEY = Path(os.environ["XDG_CONFIG_HOME"]) / "faceveil" / "key"
KEY.parent.mkdir(mode=0o700)
KEY.write_bytes(bytes(range(int(os.environ.get("FACEVEIL_TESTS_KEY", "0")), 256))[:32])
KEY.chmod(0o600)


def pytest_unconfigure() -> None:
    """Take the tests' configuration folder away."""
    shutil.rmtree(os.environ["XDG_CONFIG_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data and black-box models beside the checkout."""
    if not (SHARED / "data").is_dir():
        pytest.skip("../shared is absent: no photos and judges to measure on")
    return SHARED


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """The public-domain portrait that the package carries: (512, 512, 3) uint8 RGB."""
    import cv2

    image = cv2.imread(str(ROOT / "src/faceveil/assets/astronaut.png"))
    assert image is not None, "build the package first: pip install -e ."
    return np.ascontiguousarray(image[..., ::-1])
