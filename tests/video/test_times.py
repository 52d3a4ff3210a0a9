"""``--time``: a part of a clip, and nothing else of it."""

import math

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.video.reader import Reader
from faceveil.video.times import parse_part
from tests.video.scenes import decoded, sound, write_clip
from tests.video.test_clip import Fake, call

av = pytest.importorskip("av")

COUNT = 130


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:10-00:25", (10, 25)),
        ("1:02:03.5-1:02:04", (3723.5, 3724)),
        ("10-90", (10, 90)),
        ("0.5-", (0.5, math.inf)),
        ("-1:30", (0, 90)),
        (" 0-0.04 ", (0, 0.04)),
    ],
)
def test_parts_by_their_text(text, expected):
    assert parse_part(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "-", "10", "25-10", "10-10", "1:75-2:00", "0:61:00-", "a-b", "-5-10", "1:2:3:4-5"]
)
def test_no_parts(text):
    with pytest.raises(OptionError, match=r"--time: got .* such as 00:10-00:25"):
        parse_part(text)


@pytest.fixture(scope="module")
def frames():
    """Frame ``i`` shows ``i`` in seven stripes of light and dark."""
    found = []
    for i in range(COUNT):
        rgb = np.full((120, 160, 3), 100, np.uint8)
        for bit in range(8):
            rgb[:, 20 * bit : 20 * bit + 20] = 220 if i >> bit & 1 else 30
        found.append(rgb)
    return found


def number(luma):
    return sum((int(luma[60, 20 * bit + 10]) > 125) << bit for bit in range(8))


@pytest.fixture(scope="module")
def clips(frames, tmp_path_factory):
    """Key frames every 20 frames, and frames that look ahead."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("a.mp4", "a.mkv", "a.ts"):
        options = {"crf": "10", "preset": "ultrafast", "g": "20", "bf": "2"}
        write_clip(folder / name, frames, options=options)
    more = {"codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {}}
    write_clip(folder / "a.avi", frames, sound=None, **more)
    return folder


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
@pytest.mark.parametrize(
    ("time", "first", "last"),
    [("0.4-1", 10, 24), ("3-3.4", 75, 84), ("4.04-", 101, COUNT - 1), ("-0.2", 0, 4)],
)
def test_only_the_part_is_written(name, time, first, last, clips, tmp_path):
    assert call(clips / name, "-o", tmp_path, "-q", "--time", time) == 0
    times, lumas, _ = decoded(tmp_path / name)
    assert [number(luma) for luma in lumas] == list(range(first, last + 1))
    start = times[0]
    assert [round(25 * (t - start)) for t in times] == list(range(last - first + 1))
    if name != "a.ts":  # which begins at 1.4 s whatever it holds
        assert start == 0
    if name == "a.avi":
        return
    # The sound that belongs to those pictures, and no other.
    before = dict((bytes_, t) for t, bytes_ in sound(clips / name))
    zero = 0 if name != "a.ts" else decoded(clips / name)[0][0]
    kept = sound(tmp_path / name)
    moved = [t - start - (before[b] - zero) + first / 25 for t, b in kept if b in before]
    assert np.abs(np.array(moved, float)).max() < 0.03
    whole = 0.04 * (last - first + 1)
    assert whole - 0.1 < float(kept[-1][0] - kept[0][0]) <= whole + 0.03


def test_the_same_frames_whether_sought_or_read_from_the_beginning(clips, monkeypatch):
    def read():
        with Reader(clips / "a.mp4", 1, part=(3.0, 3.4)) as clip:
            return [(p.seconds, p.planes[0]) for p in clip.pictures()], clip.frames

    sought, expected = read()
    monkeypatch.setattr(Reader, "_skip_to", lambda self, window: None)
    plain, _ = read()
    assert expected == len(sought) == len(plain) == 10
    for (a, x), (b, y) in zip(sought, plain, strict=True):
        assert a == b
        assert np.array_equal(x, y)


def test_nobody_in_the_part(clips, tmp_path):
    nobody = Fake()
    nobody.detector.faces = ()
    arguments = ("-o", tmp_path, "-q", "--time", "1-1.2", "--on-no-face", "copy")
    assert call(clips / "a.mp4", *arguments, protector=nobody) == 0
    assert [number(luma) for luma in decoded(tmp_path / "a.mp4")[1]] == list(range(25, 30))


def test_bad_parts_are_refused_before_the_first_pass(clips, tmp_path, capsys):
    unread = Fake()
    unread.detector.detect = lambda rgb: pytest.fail("it was read")
    late = ("-o", tmp_path / "out", "-q", "--time", "0:06-0:09")
    assert call(clips / "a.mp4", *late, protector=unread) == 1
    assert "lasts 5.2" in capsys.readouterr().err
    for more, word in (
        (["--time", "9-3"], "--time: got '9-3'"),
        (["--time", "1-2", "--camera", "0"], "--time: not with --camera"),
    ):
        with pytest.raises(OptionError, match=word):
            call(clips / "a.mp4", "-o", tmp_path / "out", *more, protector=unread)
    with pytest.raises(OptionError, match="throw the rest of the clip away"):
        call(clips / "a.mp4", "--in-place", "--time", "1-2", protector=unread)
    with pytest.raises(OptionError, match="there are only photos"):
        call("x.jpg", "-o", tmp_path / "out", "--time", "1-2", protector=unread)
    assert not (tmp_path / "out").exists()
