"""Live frames: protected from the first one on, in time, and a file that is whole."""

import io
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

import faceveil
from faceveil.cli.live import run_live
from faceveil.cli.main import build_parser, main
from faceveil.cli.options import options_of
from faceveil.errors import ClipError, OptionError
from faceveil.protect.photo import PhotoOptions
from faceveil.video.live import SIGHTS, Live
from faceveil.video.streams import Frame, Pipe
from tests.video.scenes import FACE, SIZE, decoded, scene, view

pytest.importorskip("av", reason="PyAV is not installed: pip install 'faceveil[video]'")


class SceneCamera:
    """The moving portrait; ``after``: called with each frame's number before it is given."""

    rate, waits = 25.0, True

    def __init__(self, portrait, count, after=lambda i: None):
        self.frames = [scene(portrait, view(i)) for i in range(count)]
        self.after = after
        self.given, self.closed = 0, False

    def read(self):
        self.after(self.given)
        if self.given == len(self.frames):
            return None
        self.given += 1
        return Frame(self.frames[self.given - 1], (self.given - 1) / 25)

    def close(self):
        self.closed = True


@pytest.fixture(scope="module")
def protector():
    return faceveil.load_protector("san", threads=1)


def face_mask(i):
    """The middle of the face in frame ``i``, from its landmarks: (H, W) bool."""
    m = view(i)
    points = FACE @ m[:, :2].T + m[:, 2]
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    mask = np.zeros(SIZE[::-1], bool)
    mask[int(y0) : int(y1), int(x0) : int(x1)] = True
    return mask


def call(output, camera, protector, *more, workers=2):
    argv = ["protect", "--camera", "0", "-o", str(output), *more]
    arguments = build_parser().parse_args(argv)
    return run_live(arguments, options_of(arguments), protector, workers, camera)


def test_every_frame_is_protected_for_one_target(portrait, protector):
    live = Live(protector, PhotoOptions())
    frames = [scene(portrait, view(i)) for i in range(14)]
    signs = []
    for i, rgb in enumerate(frames):
        done = live(rgb, i / 25)
        mask = face_mask(i)
        if i < SIGHTS - 1:
            assert done[mask].mean() < 3, "a face of whom nothing is decided is black"
            continue
        change = done.astype(float) - rgb
        assert np.abs(change[mask]).mean() > 1.5
        assert np.array_equal(done[:, -60:], rgb[:, -60:]), "nothing else is touched"
        signs.append(change[..., 0])
    # One person, one target: the change of a frame is much like that of the next.
    shifted = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairwise(signs)]
    assert min(shifted) > 0.5
    assert live.people == 1
    (person,) = live._decider.people.values()
    assert person.target == 1 - person.male


def test_a_stated_gender_needs_no_waiting(portrait, protector):
    rgb = scene(portrait, view(0))
    done = Live(protector, PhotoOptions(gender="female"))(rgb, 0.0)
    assert done[face_mask(0)].mean() > 30
    assert not np.array_equal(done, rgb)


def test_who_is_missed_for_a_moment_stays_protected(portrait, protector):
    live = Live(protector, PhotoOptions(gender="female"))
    rgb = scene(portrait, view(0))
    for i in range(3):
        live(rgb, i / 25)
    found, live._detector = live._detector, type("Blind", (), {"detect": lambda s, rgb: ()})()
    assert np.abs(live(rgb, 0.3)[face_mask(0)].astype(float) - rgb[face_mask(0)]).mean() > 1.5
    assert np.array_equal(live(rgb, 2.0), rgb), "after 0.8 s nobody is there"
    assert not live._known
    live._detector = found
    live(rgb, 2.1)
    assert live.people == 2


def test_memory_does_not_grow_with_the_stream(portrait, protector):
    live = Live(protector, PhotoOptions(gender="female"))
    rgb = scene(portrait, view(0))
    for i in range(30):
        live(rgb, i / 25)
    (track,) = live._tracker.tracks
    assert len(track) == 10
    assert track.end == 30
    (known,) = live._known.values()
    assert len(known.looks) <= 5


def test_control_c_ends_and_the_file_is_whole(portrait, protector, tmp_path, capsys):
    def interrupt(number):
        if number == 8:
            os.kill(os.getpid(), signal.SIGINT)
            # Until the main thread has taken it: a second one interrupts from then on.
            while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
                assert time.monotonic() < limit
                time.sleep(0.005)

    limit = time.monotonic() + 120
    before = signal.getsignal(signal.SIGINT)
    camera = SceneCamera(portrait, 40, after=interrupt)
    out = tmp_path / "out.mp4"
    assert call(out, camera, protector, "--gender", "female") == 0
    assert signal.getsignal(signal.SIGINT) is before
    times, lumas, _ = decoded(out)
    assert 4 <= len(times) <= 9
    np.testing.assert_allclose(np.array(times, float), np.arange(len(times)) / 25, atol=0.002)
    assert lumas[0].shape == SIZE[::-1]
    assert "dropped; 1 people" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*"))


def test_what_came_before_a_camera_broke_is_kept(portrait, protector, tmp_path):
    def breaks(number):
        if number == 6:
            raise ClipError("unplugged")

    out = tmp_path / "out.mkv"
    with pytest.raises(ClipError, match="unplugged"):
        call(out, SceneCamera(portrait, 20, after=breaks), protector, "-q")
    assert len(decoded(out)[0]) in (5, 6)


def test_bad_calls_are_one_line(portrait, protector, tmp_path):
    (tmp_path / "there.mp4").write_bytes(b"mine")
    for output, message in (
        ("there.mp4", "already there"),
        ("x.jpg", "that ends in"),
        ("x.webm", "that ends in"),
    ):
        with pytest.raises(OptionError, match=message):
            call(tmp_path / output, SceneCamera(portrait, 2), protector)
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"
    with pytest.raises(ClipError, match="no frame came"):
        call(tmp_path / "new.mp4", SceneCamera(portrait, 0), protector)
    assert not (tmp_path / "new.mp4").exists()
    assert main(["protect", "--camera", "0", "--in-place"]) == 2


def test_from_pipe_to_pipe(portrait):
    av, file = pytest.importorskip("av"), io.BytesIO()
    pipe = Pipe(file, 25.0)
    for i in range(6):
        pipe.add(Frame(scene(portrait, view(i)), i / 25))
    command = [sys.executable, "-m", "faceveil", "protect", "--camera", "-", "-o", "-"]
    command += ["--method", "black-box", "--gender", "female", "--strength", "1", "--jobs", "1"]
    done = subprocess.run(command, input=file.getvalue(), capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    with av.open(io.BytesIO(done.stdout)) as container:
        read = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(read) == 6
    assert all(rgb[face_mask(i)].mean() < 12 for i, rgb in enumerate(read))
    assert b"6 frames" in done.stderr
    assert b"0 dropped" in done.stderr
