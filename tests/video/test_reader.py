"""Files that are no files."""

import os

import pytest

from faceveil.errors import ClipError
from faceveil.video.reader import check_file


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(ClipError, match="a pipe or device"):
        check_file(tmp_path / "clip.mp4")
