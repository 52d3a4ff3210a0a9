"""Reading: files that are no files, and pictures as they are shown."""

import os

import numpy as np
import pytest

from faceveil.errors import ClipError
from faceveil.video.reader import Reader, check_file
from tests.video.scenes import scene, view, write_clip


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(ClipError, match="a pipe or device"):
        check_file(tmp_path / "clip.mp4")


def test_the_reader_shows_pictures_upright_and_in_their_colours(portrait, tmp_path):
    pytest.importorskip("av")
    frames = [scene(portrait, view(i), noise=2.0, seed=i) for i in range(2)]
    source = write_clip(
        tmp_path / "a.mkv", frames, rotation=90, pix_fmt="yuv444p", options={"qp": "1"}
    )
    with Reader(source, 1) as clip:
        pictures = list(clip.pictures())
    shown = pictures[0].shown()
    assert shown.shape == (320, 240, 3)
    assert np.abs(shown.astype(int) - np.rot90(frames[0])).mean() < 2
    assert pictures[1].seconds == pytest.approx(0.04)
