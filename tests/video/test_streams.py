"""Where live frames come from and go to: cameras that are none, and a pipe that FFmpeg reads."""

import io

import numpy as np
import pytest

from faceveil.errors import ClipError, OptionError
from faceveil.video.streams import Frame, Pipe, open_camera
from tests.video.scenes import scene, view


def test_no_cameras(tmp_path):
    with pytest.raises(OptionError, match="expected a number"):
        open_camera(str(tmp_path / "clip.mp4"))
    with pytest.raises(ClipError, match="camera 63: cannot be opened"):
        open_camera("63")


def test_the_pipe_is_read_by_ffmpeg(portrait):
    av = pytest.importorskip("av")
    file, frames = io.BytesIO(), [scene(portrait, view(i))[:239, :319] for i in range(3)]
    pipe = Pipe(file, 30.0)
    for i, rgb in enumerate(frames):
        pipe.add(Frame(rgb, i / 30))
    file.seek(0)
    with av.open(file) as container:
        assert container.streams.video[0].average_rate == 30
        read = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(read) == 3
    for rgb, back in zip(frames, read, strict=True):
        assert back.shape == (238, 318, 3)
        assert np.abs(back.astype(float) - rgb[:238, :318]).mean() < 3
    with pytest.raises(ClipError, match="changed from 318 x 238 to 100 x 100"):
        pipe.add(Frame(np.zeros((100, 100, 3), np.uint8), 1.0))
