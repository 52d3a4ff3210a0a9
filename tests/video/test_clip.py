"""Clips as files: what is kept, what is changed, what goes wrong."""

import json
import os
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import faceveil
from faceveil.cli import protect
from faceveil.cli.main import build_parser
from faceveil.files.jobs import plan_jobs
from faceveil.files.paths import CLIP_SUFFIXES
from faceveil.files.runs import FILE
from faceveil.imaging.encode import TEMPORARY
from faceveil.protect.photo import PhotoOptions
from faceveil.video.clip import look_at
from faceveil.video.container import FORMATS
from faceveil.video.reader import Reader
from faceveil.video.render import Renderer
from tests.files.test_batch import FakeProtector, write_photo
from tests.protect.fakes import BrightenProtector, FixedDetector, FixedEstimator
from tests.video.scenes import SIZE, decoded, scene, sound, view, write_clip

av = pytest.importorskip("av")

COUNT = 12


class Fake(FakeProtector):
    """Knows where the face is, and brightens it."""

    def __init__(self, detector=None):
        super().__init__(detector)
        self.crop_protector = BrightenProtector()
        self.estimator = FixedEstimator()
        self.detector = detector or FixedDetector()


@pytest.fixture(scope="module")
def frames(portrait):
    return [scene(portrait, view(i), noise=2.0, seed=i) for i in range(COUNT)]


@pytest.fixture(scope="module")
def san():
    return faceveil.load_protector("san", threads=1)


def call(*argv, protector=None):
    arguments = build_parser().parse_args(["protect", "--jobs", "1", *map(str, argv)])
    return protect.run(arguments, protector or Fake())


def leftovers(folder):
    return [p.name for p in Path(folder).rglob("*") if p.name.endswith(TEMPORARY)]


def face_only(before, after):
    """Mean absolute difference of luma in the fake's face, and far from it."""
    change = np.abs(np.stack(after).astype(float) - np.stack(before))
    return change[:, 80:110, 70:95].mean(), change[:, 220:].mean()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.mp4", {}),
        ("a.mov", {"codec": "mpeg4", "options": {}}),
        ("a.mkv", {"rotation": 90}),
        ("a.webm", {"codec": "libvpx-vp9", "sound": "libopus", "options": {"cpu-used": "8"}}),
        ("a.avi", {"codec": "mpeg4", "sound": "libmp3lame", "options": {}}),
        ("a.m2ts", {}),
        ("a.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
    ],
)
def test_frames_times_and_sound_are_kept(name, more, frames, tmp_path, capfd):
    source = write_clip(tmp_path / name, frames, **more)
    original = source.read_bytes()
    assert call(source, "-o", tmp_path / "out", "-q") == 0
    assert capfd.readouterr().err == ""
    result = tmp_path / "out" / name
    (times, before, turn), (new_times, after, new_turn) = decoded(source), decoded(result)
    assert len(times) == COUNT
    assert new_times == times
    assert new_turn == turn == {more.get("rotation", 0)}
    assert sound(result) == sound(source)
    if "rotation" not in more:
        inside, outside = face_only(before, after)
        assert inside > 10
        assert outside < 2.5  # the codec
    with av.open(str(source)) as a, av.open(str(result)) as b:
        assert [s.codec_context.name for s in a.streams] == [
            s.codec_context.name for s in b.streams
        ]
    assert source.read_bytes() == original
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate_and_a_late_start(name, frames, tmp_path):
    """Frames that come unevenly, from 0.2 s on, in thousandths of a second."""
    pts = (200 + np.cumsum([0, 40, 33, 50, 17, 100, 40, 40, 41, 300, 25, 40])).tolist()
    source = write_clip(tmp_path / name, frames, pts, Fraction(1, 1000))
    assert call(source, "-o", tmp_path / "out", "-q") == 0
    times, *_ = decoded(tmp_path / "out" / name)
    assert [round(1000 * t) for t in times] == pts
    assert sound(tmp_path / "out" / name) == sound(source)
    with av.open(str(source)) as a, av.open(str(tmp_path / "out" / name)) as b:
        assert a.streams.video[0].time_base == b.streams.video[0].time_base
        assert abs(a.duration - b.duration) < 1000  # a thousandth of a second


def test_odd_sizes_and_ten_bits(frames, tmp_path):
    odd = [f[:-1, :-1] for f in frames[:4]]
    source = write_clip(tmp_path / "odd.mkv", odd, pix_fmt="yuv444p")
    deep = write_clip(tmp_path / "deep.mkv", frames[:4], pix_fmt="yuv420p10le")
    assert call(source, deep, "-o", tmp_path / "out", "-q") == 0
    for file, size, kind in ((source, (319, 239), "yuv444p"), (deep, SIZE, "yuv420p10le")):
        with av.open(str(tmp_path / "out" / file.name)) as clip:
            context = clip.streams.video[0].codec_context
            assert (context.width, context.height, context.pix_fmt) == (*size, kind)


def test_a_turned_clip_is_protected_upright(portrait, san, tmp_path):
    """The same person, filmed with the phone turned: read and changed the same way."""
    plain = [scene(portrait, view(i)) for i in range(4)]
    turned = [np.rot90(f, -1) for f in plain]
    quality = {"pix_fmt": "yuv444p", "options": {"qp": "1", "preset": "ultrafast"}}
    a = write_clip(tmp_path / "a.mkv", plain, **quality)
    b = write_clip(tmp_path / "b.mkv", turned, rotation=90, **quality)
    moved, faces = [], []
    for file in (a, b):
        with Reader(file, 1) as clip:
            plan = look_at(clip, san, PhotoOptions(gender="female"))
            clip.rewind()
            pictures = list(clip.pictures())
        done = list(Renderer(plan, 1.0)(pictures))[2].planes[0].astype(float)
        moved.append(done - pictures[2].planes[0])
        faces.append(plan.tracks[0].first.landmarks)
    np.testing.assert_allclose(*faces, atol=1)
    assert np.abs(moved[0]).max() > 10
    assert np.corrcoef(moved[0].ravel(), np.rot90(moved[1]).ravel())[0, 1] > 0.95


def test_the_detector_s_memory_is_given_back_after_the_first_pass(frames, tmp_path):
    calls = []

    class Near(FixedDetector):
        def detect(self, rgb):
            raise AssertionError("the wide search is for photos")

        def detect_loosely(self, rgb):
            calls.append("look")
            return FixedDetector.detect(self, rgb), ()

        def detect_near(self, rgb, boxes):
            return self.detect_loosely(rgb)[0]

        def release(self):
            calls.append("release")

    source = write_clip(tmp_path / "a.mp4", frames[:5], sound=None)
    assert call(source, "-o", tmp_path / "out", "-q", protector=Fake(Near())) == 0
    assert calls == ["look"] * 5 + ["release"]


def test_summary_and_report_name_clips(frames, tmp_path, capsys):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write_clip(tmp_path / "in" / "sub" / "a.mp4", frames)
    write_photo(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "program.ts").write_text("let x = 1")
    report = tmp_path / "r.json"
    assert call(tmp_path / "in", "-o", tmp_path / "out", "--report", report) == 0
    assert "1 photo, 1 clip: 2 protected" in capsys.readouterr().err
    photo, clip = json.loads(report.read_text())["files"]
    assert photo["kind"] == "photo"
    assert (clip["kind"], clip["frames"], clip["seen_from_to"]) == ("clip", COUNT, [[0.0, 0.44]])
    assert len(clip["faces"]) == len(photo["faces"]) == 1
    assert (tmp_path / "out" / "sub" / "a.mp4").is_file()


@pytest.mark.parametrize("method", ["blur", "ensemble"])
def test_methods_of_colour_and_of_several_networks(method, frames, tmp_path):
    source = write_clip(tmp_path / "a.mp4", frames[:5])
    made = faceveil.load_protector(method, threads=1, **(
        {"combine": "gibbs", "stages": 2} if method == "ensemble" else {}
    ))  # fmt: skip
    assert call(source, "-o", tmp_path / "out", "--gender", "male", protector=made) == 0
    assert len(decoded(tmp_path / "out" / "a.mp4")[0]) == 5


def test_existing(frames, tmp_path, capsys):
    source = write_clip(tmp_path / "a.mp4", frames[:3])
    out = tmp_path / "out"
    call(source, "-o", out)
    first = (out / "a.mp4").stat().st_mtime_ns
    assert call(source, "-o", out) == 0
    assert "1 skipped" in capsys.readouterr().err
    assert (out / "a.mp4").stat().st_mtime_ns == first
    assert call(source, "-o", out, "--existing", "error") == 1
    assert call(source, "-o", out, "--existing", "overwrite") == 0
    assert (out / "a.mp4").stat().st_mtime_ns > first
    capsys.readouterr()
    assert call(source, "-o", out, "--strength", 1) == 0
    assert "1 done again, since settings" in capsys.readouterr().err
    assert call(source, "-o", out, "--strength", 1) == 0
    assert "1 skipped" in capsys.readouterr().err
    before = source.read_bytes()
    assert call(source, "--in-place") == 0
    assert source.read_bytes() != before
    assert leftovers(tmp_path) == []


def test_nobody_in_it(frames, tmp_path, capsys):
    source = write_clip(tmp_path / "a.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3)
    with av.open(str(source)) as clip:
        pictures = [bytes(p) for p in clip.demux(video=0) if p.size]
    blind = Fake(FixedDetector(()))
    assert call(source, "-o", tmp_path / "1", protector=blind) == 0
    assert "no face found, nothing written" in capsys.readouterr().err
    assert not (tmp_path / "1").exists()
    assert call(source, "-o", tmp_path / "2", "--on-no-face", "fail", protector=blind) == 1
    assert call(source, "-o", tmp_path / "3", "--on-no-face", "copy", protector=blind) == 0
    copy = tmp_path / "3" / "a.mp4"
    assert decoded(copy)[0] == decoded(source)[0]
    assert sound(copy) == sound(source)
    with av.open(str(copy)) as clip:
        assert [bytes(p) for p in clip.demux(video=0) if p.size] == pictures


def broken(folder, frames):
    """Clips that cannot be protected, and a word of the line about each."""
    folder.mkdir()
    whole = write_clip(folder / "whole.mp4", frames).read_bytes()
    (folder / "whole.mp4").unlink()
    mkv = write_clip(folder / "whole.mkv", frames * 4).read_bytes()
    (folder / "whole.mkv").unlink()
    # Its header first, then the frames, as cameras that stream write it: cut off, it still opens.
    write_clip(folder / "front.mp4", frames)
    with av.open(str(folder / "front.mp4")) as a:
        path = str(folder / "fast.mp4")
        with av.open(path, "w", options={"movflags": "faststart"}) as b:
            copies = {s.index: b.add_stream_from_template(s, opaque=True) for s in a.streams}
            for packet in a.demux():
                if packet.size:
                    packet.stream = copies[packet.stream.index]
                    b.mux(packet)
    (folder / "front.mp4").unlink()
    fast = (folder / "fast.mp4").read_bytes()
    (folder / "fast.mp4").write_bytes(fast[: len(fast) * 2 // 3])
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.mkv").write_bytes(mkv[: len(mkv) // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.avi").write_text("no clip at all\n" * 100)
    with av.open(str(folder / "tone.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return {
        "fast.mp4": "cut off",
        "cut.mp4": "damaged or no clip",
        "cut.mkv": "cut off",
        "empty.mp4": "empty, 0 bytes",
        "text.avi": "damaged or no clip",
        "tone.mp4": "no moving pictures",
    }


def test_broken_clips_are_one_line_each_and_the_rest_is_done(frames, tmp_path, capfd):
    known = broken(tmp_path / "in", frames)
    write_clip(tmp_path / "in" / "good.mp4", frames[:3])
    missing = tmp_path / "in" / "gone.mp4"
    assert call(tmp_path / "in", missing, "-o", tmp_path / "out", "-q") == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == len(known) + 1
    for name, word in {**known, "gone.mp4": "no such file"}.items():
        (line,) = [x for x in lines if f"{name}: " in x]
        assert word in line
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good.mp4", FILE}


def test_a_link_to_elsewhere_is_not_followed(tmp_path, capfd):
    """A playlist under a clip's name must not make the reader open other files or servers."""
    (tmp_path / "a.mp4").write_text(
        "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
    )
    assert call(tmp_path / "a.mp4", "-o", tmp_path / "out", "-q") == 1
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_failures_of_the_options(frames, tmp_path, capsys):
    source = write_clip(tmp_path / "a.mp4", frames[:3])
    for flags, word in (
        (["--faces", "3"], "the clip has 1"),
        (["--aligned"], "not for clips"),
        (["--max-pixels", "100"], "see --max-pixels"),
    ):
        assert call(source, "-o", tmp_path / "out", *flags) == 1
        assert word in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_without_pyav_one_line_says_what_to_install(frames, tmp_path, monkeypatch, capsys):
    source = write_clip(tmp_path / "a.mp4", frames[:2])
    photo = write_photo(tmp_path / "b.png")
    monkeypatch.setitem(sys.modules, "av", None)
    assert call(source, photo, "-o", tmp_path / "out", "-q") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert 'pip install "faceveil[video]"' in line
    assert (tmp_path / "out" / "b.png").is_file()


def test_photos_alone_do_not_load_pyav(tmp_path):
    photo = write_photo(tmp_path / "b.png")
    script = f"""
import sys
import threading
from tests.cli.test_protect import call
call({str(photo)!r}, "-o", {str(tmp_path / "out")!r}, "-q")
print("av" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_killed_midway_leaves_nothing_half_written(frames, tmp_path):
    source = write_clip(tmp_path / "a.mp4", frames)
    out = tmp_path / "out"
    script = f"""
import threading
from tests.video.test_clip import Fake, call
stuck = Fake()
def wait(*a):
    print("writing", flush=True)
    threading.Event().wait()
stuck.crop_protector.protect = wait
call({str(source)!r}, "-o", {str(out)!r}, protector=stuck)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    limit = threading.Timer(300, process.kill)
    limit.start()
    assert process.stdout.readline() == b"writing\n"
    limit.cancel()
    assert leftovers(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (out / "a.mp4").exists()
    # Another run clears away what that one left, once it is old enough to be nobody's.
    (rest,) = out.iterdir()
    os.utime(rest, (0, 0))
    assert call(source, "-o", out, "-q") == 0
    assert {p.name for p in out.iterdir()} == {"a.mp4", FILE}


def test_an_interrupted_run_clears_up(frames, tmp_path):
    class Interrupting(Fake):
        def __init__(self):
            super().__init__()
            self.crop_protector = SimpleNamespace(
                name="x",
                channels=1,
                own_target="opposite",
                needs_gender=True,
                replaces_face=False,
                runs_on="CPU",
                protect=self.stop,
            )
            self.left = 6

        def stop(self, faces, *_):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return faces

    source = write_clip(tmp_path / "a.mp4", frames)
    with pytest.raises(KeyboardInterrupt):
        call(source, "-o", tmp_path / "out", protector=Interrupting())
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_a_clip(tmp_path):
    assert frozenset(FORMATS) == CLIP_SUFFIXES
    for name in ("a.MP4", "b.txt", ".c.mp4"):
        (tmp_path / name).touch()
    assert [j.source.name for j in plan_jobs([str(tmp_path)], tmp_path / "out")] == ["a.MP4"]
