"""The training set transformed by a stage: cached, resumable, and never stale."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.san import flow_data  # noqa: E402
from faceveil.systems.san.flow_data import transformed  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 200, (150, 8, 8), dtype=np.uint8)
MALE = (np.arange(150) % 2).astype(np.float32)


class Stage:
    """Men get brighter by 10/255, women by 20/255; counts its calls; may fail at one."""

    def __init__(self, fail_at=None):
        self.calls, self.fail_at = 0, fail_at

    def __call__(self, faces, male, rows):
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        self.calls += 1
        return faces + ((20 - 10 * male) / 255)[:, None, None, None]


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "stage-1" / "checkpoint.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path


EXPECTED = IMAGES + np.where(MALE > 0, 10, 20).astype(np.uint8)[:, None, None]


def test_every_face_in_order(checkpoint):
    assert np.array_equal(transformed(IMAGES, MALE, Stage(), checkpoint, 8, quiet=True), EXPECTED)


def test_done_once(checkpoint):
    transformed(IMAGES, MALE, Stage(), checkpoint, 8, quiet=True)
    again = Stage()
    assert np.array_equal(transformed(IMAGES, MALE, again, checkpoint, 8, quiet=True), EXPECTED)
    assert again.calls == 0


def test_stopped_and_resumed(checkpoint, monkeypatch):
    monkeypatch.setattr(flow_data, "CHUNK", 10)
    monkeypatch.setattr(flow_data, "SAVE_EVERY", 2)
    with pytest.raises(KeyboardInterrupt):
        transformed(IMAGES, MALE, Stage(fail_at=7), checkpoint, 8, quiet=True)
    rest = Stage()
    assert np.array_equal(transformed(IMAGES, MALE, rest, checkpoint, 8, quiet=True), EXPECTED)
    assert rest.calls == 15 - 6  # six chunks of ten were recorded as done


@pytest.mark.parametrize("what", ["weights", "images", "state"])
def test_made_anew_when_something_changed(checkpoint, what):
    transformed(IMAGES, MALE, Stage(), checkpoint, 8, quiet=True)
    images = IMAGES
    if what == "weights":
        checkpoint.write_bytes(b"other weights")
    elif what == "images":
        images = IMAGES + 1
    else:
        (checkpoint.parent / "outputs.json").write_text(json.dumps(["damaged"]))
    again = Stage()
    out = transformed(images, MALE, again, checkpoint, 8, quiet=True)
    assert again.calls == 3
    assert np.array_equal(out, images + (EXPECTED - IMAGES))


def test_another_frame(checkpoint):
    """Packs of one size, a stage of another: its outputs are of its own."""
    out = transformed(IMAGES, MALE, Stage(), checkpoint, 16, quiet=True)
    assert out.shape == (150, 16, 16)
    assert abs(float(out.mean()) - float(EXPECTED.mean())) < 1
