"""Containers and codecs: chosen before a clip is read, and what does not fit is said."""

import json
from fractions import Fraction

import numpy as np
import pytest

from faceveil.errors import ClipError
from faceveil.video.container import ENCODERS, StreamKind, encodable, fits, lay_out, pixel_format
from faceveil.video.reader import Reader
from tests.video.scenes import decoded, scene, sound, view, write_clip
from tests.video.test_clip import Fake, call

av = pytest.importorskip("av")

MKV, MOV = "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"


def streams(pictures, *others):
    kinds = {"subrip": "subtitle", "mov_text": "subtitle", "hdmv_pgs_subtitle": "subtitle"}
    found = [StreamKind(0, "video", pictures)]
    for i, codec in enumerate(others, 1):
        found.append(StreamKind(i, kinds.get(codec, "audio"), "" if codec == "apac" else codec))
    return found


@pytest.mark.parametrize(
    ("suffix", "content", "codecs", "container", "codec", "copied", "notes"),
    [
        (".mp4", MOV, ("h264", "aac"), "mp4", "h264", (1,), ()),
        (".MOV", MOV, ("hevc", "aac", "apac"), "mov", "hevc", (1,), ("stream 2: sound of an un",)),
        (".mov", MOV, ("prores", "pcm_s16le"), "mov", "h264", (1,), ()),
        (".webm", MKV, ("vp9", "opus"), "webm", "vp9", (1,), ()),
        (".webm", MKV, ("av1",), "webm", "av1", (), ()),
        (".webm", MKV, ("h264", "opus"), "matroska", "h264", (1,), ("WebM cannot hold it; it s",)),
        (".webm", "", ("h264", "opus"), "webm", "vp9", (1,), ()),
        (".webm", "", ("vp8", "aac"), "webm", "vp8", (), ("stream 1: sound (aac, which WebM",)),
        (".ts", "mpegts", ("mpeg2video", "mp2"), "mpegts", "h264", (1,), ()),
        (".m2ts", "mpegts", ("h264", "hdmv_pgs_subtitle"), "mpegts", "h264", (1,), ()),
        (".mp4", MKV, ("h264", "aac"), "mp4", "h264", (1,), ()),
        (".mp4", MKV, ("h264", "aac", "subrip"), "matroska", "h264", (1, 2), ("MP4 cannot ho",)),
        (".mp4", MKV, ("vp8", "vorbis"), "matroska", "vp8", (1,), ("MP4 cannot hold it",)),
        (".mkv", "avi", ("mpeg4", "mp3"), "matroska", "mpeg4", (1,), ()),
        (".mp4", "asf", ("wmv2", "wmav2"), "mp4", "h264", (), ("stream 1: sound (wmav2, which",)),
        (".avi", "avi", ("wmv2", "mp3"), "avi", "mpeg4", (1,), ()),
        (".avi", "avi", ("h264", "mp3"), "avi", "h264", (1,), ()),
        (".3gp", MOV, ("h263", "amr_nb"), "3gp", "h264", (1,), ()),
        (".3gp", MOV, ("hevc", "aac"), "mov", "hevc", (1,), ("3GP cannot hold it",)),
        (".ts", "", ("vp9", "aac", "subrip"), "mpegts", "h264", (1,), ("stream 2: subtitles (s",)),
    ],
)
def test_what_fits_is_chosen(suffix, content, codecs, container, codec, copied, notes):
    found = lay_out(suffix, content, streams(*codecs), encodable(), fits)
    assert (found.container, found.codec, found.copied) == (container, codec, copied)
    assert len(found.notes) == len(notes)
    assert all(line.startswith(start) for line, start in zip(found.notes, notes, strict=True))


def test_pictures_that_would_travel_along_are_left_out():
    clip = [
        StreamKind(0, "video", "png", cover=True),
        StreamKind(1, "video", "h264"),
        StreamKind(2, "video", "h264"),
        StreamKind(3, "data", "bin_data"),
        StreamKind(4, "attachment"),
        StreamKind(5, "audio", "aac"),
    ]
    found = lay_out(".mkv", MKV, clip, encodable(), fits)
    assert (found.copied, found.notes) == ((5,), ())
    assert [line.split(": ")[1] for line in found.left_out] == [
        "cover picture",
        "further video (h264)",
        "timed metadata",
        "attachment",
    ]


def test_what_cannot_be_written_is_refused():
    with pytest.raises(ClipError, match="expected one of"):
        lay_out(".gif", "gif", streams("gif"), encodable(), fits)
    with pytest.raises(ClipError, match=r"wmv2 as \.mp4: cannot be written"):
        lay_out(".mp4", "asf", streams("wmv2"), frozenset(), fits)


def test_odd_sizes_keep_whole_pixels():
    h264, vp9 = (av.Codec(ENCODERS[name][0], "w") for name in ("h264", "vp9"))
    assert pixel_format("yuv420p", h264, 320, 240) == "yuv420p"
    assert pixel_format("yuv420p", h264, 319, 240) == "yuv444p"
    assert pixel_format("yuv420p10le", h264, 319, 240) == "yuv444p10le"
    assert pixel_format("yuv420p", vp9, 319, 239) == "yuv420p"
    assert pixel_format("rgb24", h264, 320, 240) == "yuv420p"


@pytest.fixture(scope="module")
def frames(portrait):
    return [scene(portrait, view(i), noise=2.0, seed=i) for i in range(8)]


def copied(source, target, container):
    """The same packets in another container, whatever the name."""
    with av.open(str(source)) as a, av.open(str(target), "w", format=container) as b:
        copies = {s.index: b.add_stream_from_template(s, opaque=True) for s in a.streams}
        for packet in a.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                b.mux(packet)
    return target


def kinds(path):
    with av.open(str(path)) as clip:
        codecs = [s.codec_context.codec.canonical_name for s in clip.streams]
        return clip.format.name, codecs


def protected(source, tmp_path, *more):
    report = tmp_path / "r.json"
    assert call(source, "-o", tmp_path / "out", "-q", "--report", report, *more) == 0
    (entry,) = json.loads(report.read_text())["files"]
    return tmp_path / "out" / source.name, entry


def test_a_phone_s_spatial_sound_is_left_out_and_said(frames, tmp_path, capfd):
    one = str(write_clip(tmp_path / "one.mov", frames))
    with av.open(one) as a, av.open(str(tmp_path / "a.mov"), "w", format="mp4") as b:
        pairs = [(s, b.add_stream_from_template(s, opaque=True)) for s in a.streams]
        pairs.append((a.streams[1], b.add_stream_from_template(a.streams[1], opaque=True)))
        for packet in a.demux():
            data, old = bytes(packet), packet
            for source, target in pairs if data else ():
                if source is old.stream:
                    packet = av.Packet(data)
                    packet.pts, packet.dts, packet.time_base = old.pts, old.dts, old.time_base
                    packet.is_keyframe, packet.duration = old.is_keyframe, old.duration
                    packet.stream = target
                    b.mux(packet)
    first, second, third = (tmp_path / "a.mov").read_bytes().split(b"mp4a")
    third = third.replace(b"esds", b"dapa")
    (tmp_path / "a.mov").write_bytes(first + b"mp4a" + second + b"apac" + third)
    result, entry = protected(tmp_path / "a.mov", tmp_path)
    assert kinds(result) == (MOV, ["h264", "aac"])
    assert sound(result) == sound(tmp_path / "a.mov")
    assert entry["left_out"] == ["stream 2: sound of an unknown kind"]
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("a.mov: stream 2: sound of an unknown kind is left out")


def test_h264_in_webm_stays_the_matroska_that_it_is(frames, tmp_path, capfd):
    plain = write_clip(tmp_path / "a.mkv", frames)
    source = copied(plain, tmp_path / "a.webm", "matroska")
    result, entry = protected(source, tmp_path)
    assert kinds(result) == kinds(source) == (MKV, ["h264", "aac"])
    assert (decoded(result)[0], sound(result)) == (decoded(source)[0], sound(source))
    assert entry["message"] == "WebM cannot hold it; it stays Matroska, as it was"
    assert entry["message"] in capfd.readouterr().err


def test_matroska_by_another_name_keeps_its_sound(frames, tmp_path):
    plain = write_clip(tmp_path / "a.mkv", frames, codec="libvpx", sound="libopus", options={})
    source = copied(plain, tmp_path / "a.mp4", "matroska")
    result, _ = protected(source, tmp_path)
    assert kinds(result) == kinds(source) == (MKV, ["vp8", "opus"])


@pytest.mark.parametrize("more", [(), ("--on-no-face", "copy")])
def test_mpeg2_becomes_h264_in_a_transport_stream(more, frames, tmp_path):
    source = write_clip(tmp_path / "a.ts", frames, codec="mpeg2video", sound="mp2", options={})
    result, entry = protected(source, tmp_path, *more)
    assert kinds(result) == ("mpegts", ["h264", "mp2"])
    assert decoded(result)[0] == decoded(source)[0]
    assert (entry["message"], entry["left_out"]) == ("", [])


def test_av1_stays_av1_and_tells_nothing(frames, tmp_path, capfd):
    options = {"preset": "12", "svtav1-params": "lp=1"}
    write_clip(tmp_path / "a.mp4", frames, codec="libsvtav1", sound=None, options=options)
    capfd.readouterr()
    result, _ = protected(tmp_path / "a.mp4", tmp_path)
    assert kinds(result) == (MOV, ["av1"])
    assert capfd.readouterr().err == ""


def numbered(path, codec, count=10, ahead=0):
    """A clip whose frame ``i`` has its bright bar at place ``i``."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.max_b_frames = ahead
        for i in range(count):
            rgb = np.zeros((96, 160, 3), np.uint8)
            rgb[:, 16 * i : 16 * i + 16] = 255
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "ahead", "comes"),
    [("wmv2", 0, "mpeg4"), ("mpeg4", 2, "mpeg4"), ("libx264", 0, "h264"), ("libx264", 2, "h264")],
)
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_frames_of_avi_are_as_late_as_they_were(codec, ahead, comes, jobs, tmp_path):
    """Frame by frame: the place in the file, which is its time, and what is seen then."""
    source = numbered(tmp_path / "a.avi", codec, ahead=ahead)
    result, _ = protected(source, tmp_path, "--jobs", jobs)
    assert kinds(result) == ("avi", [comes])
    with av.open(str(result)) as clip:
        places = [p.dts for p in clip.demux(video=0) if p.size]
    seen = [int(plane[48].reshape(10, 16).mean(axis=1).argmax()) for plane in decoded(result)[1]]
    assert places == list(range(10))
    assert seen == list(range(10))


def test_avi_turned_to_mp4_begins_with_its_sound(tmp_path):
    for ahead in (0, 2):
        with Reader(numbered(tmp_path / "a.avi", "libx264", ahead=ahead), 1) as clip:
            pictures = list(clip.pictures())
        assert [round(p.seconds * 25) for p in pictures] == list(range(10))


def test_what_fails_when_the_file_is_begun_fails_before_the_first_pass(
    frames, tmp_path, monkeypatch, capsys
):
    source = write_clip(tmp_path / "a.mp4", frames[:3], sound=None)
    monkeypatch.setitem(ENCODERS, "h264", ("libx264", {"profile": "none such"}))
    looked = Fake()
    looked.detector.detect = lambda rgb: pytest.fail("it was read")
    assert call(source, "-o", tmp_path / "out", "-q", protector=looked) == 1
    assert "cannot write it" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))
