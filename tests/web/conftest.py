"""The application on stand-ins with known answers, and pictures to send."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed")
pytest.importorskip("httpx", reason="httpx, which the test client needs, is not installed")

from fastapi.testclient import TestClient
from PIL import Image

from faceveil.protect.protector import Protector
from faceveil.web.app import create_app
from faceveil.web.engine import Engine
from faceveil.web.settings import Settings
from tests.protect.fakes import BrightenProtector, FixedDetector, FixedEstimator

BASE = "http://127.0.0.1:8765"


def picture(size=(160, 160), kind="PNG", level=90):
    buffer = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(buffer, kind)
    return buffer.getvalue()


def fake_engine(max_pixels=1_000_000, detector=None, load=None, key=b""):
    detector = detector or FixedDetector()

    def make(name, **_):
        return Protector(BrightenProtector(), FixedEstimator(), detector)

    return Engine(max_pixels, load=load or make, detector=detector, key=key)


def client_of(settings=None, engine=None, **kwargs):
    settings = settings or Settings(max_pixels=1_000_000, seconds=20)
    app = create_app(settings, engine or fake_engine(settings.max_pixels))
    return TestClient(app, base_url=BASE, raise_server_exceptions=False, **kwargs)


@pytest.fixture
def client():
    return client_of()


@pytest.fixture(scope="session")
def photo():
    return picture()


@pytest.fixture(scope="session")
def noise():
    """A PNG over 1 MiB: what Starlette's own parser would write to the disk."""
    pixels = np.random.default_rng(0).integers(0, 256, (640, 640, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=0)
    assert len(buffer.getvalue()) > 1 << 20
    return buffer.getvalue()


def post(client, path, files, **fields):
    """POST a form; ``files`` maps a field to bytes, or is a list of (field, name, bytes)."""
    if isinstance(files, dict):
        files = [(field, "x", data) for field, data in files.items()]
    parts = [(field, (name, data)) for field, name, data in files]
    return client.post(f"/api/v1/{path}", files=parts, data=fields)


def code(answer):
    """The code of an error, which must have the one shape."""
    body = answer.json()
    assert set(body) == {"code", "message"}, body
    assert body["message"]
    assert "\n" not in body["message"]
    return answer.status_code, body["code"]
