"""Tags, covers and tracks of metadata: what travels along, read back from the outputs."""

import io
from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from faceveil.video.writer import allowed_tags
from tests.video.scenes import scene, view, write_clip
from tests.video.test_clip import Fake, call
from tests.video.test_container import protected

av = pytest.importorskip("av")

NAMES = {"title": "At Jane's", "comment": "Jane", "artist": "Jane", "description": "Jane"}
TIME, PLACE = "2024-05-06T07:08:09.000000Z", "+60.1700+024.9400/"
DEVICE = {
    "creation_time": TIME,
    "location": PLACE,
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15",
    "com.apple.quicktime.location.ISO6709": "+60.1700+024.9400+010.0/",
    "com.apple.quicktime.creationdate": "2024-05-06T10:08:09+0300",
}
LAYOUT = {"major_brand", "minor_version", "compatible_brands", "encoder"}
WRITTEN = {"handler_name", "vendor_id", "duration"}
MS = Fraction(1, 1000)
PERSONAL = ("Jane", "2024-05", "+60.17", "Apple", "iPhone", "telemetry")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("creation_time", TIME, True),
        ("DATE", "2024:05:06", True),
        ("date", "Jane's day", False),
        ("location", PLACE, True),
        ("location", "Jane's home", False),
        ("com.apple.quicktime.location.accuracy.horizontal", "4.74", True),
        ("com.apple.quicktime.location.name", "Jane's home", False),
        ("MAKE", "Apple", True),
        ("model", "x" * 101, False),
        ("model", "a\nb", False),
        ("title", "plain", False),
        ("com.apple.quicktime.author", "Jane", False),
        ("com.example.face", "4AAQSkZJRg==", False),
    ],
)
def test_what_a_device_writes_is_allowed(name, value, kept):
    expected = ({name: value}, []) if kept else ({}, [name])
    assert allowed_tags({name: value}) == expected


def test_what_says_how_the_file_is_laid_out_is_not_missed():
    layout = {"major_brand": "qt", "ENCODER": "Lavf", "handler_name": "VideoHandler"}
    assert allowed_tags({**layout, "_STATISTICS_TAGS": "BPS", "DURATION": "1"}) == ({}, [])
    assert allowed_tags({"handler_name": "Jane's voice"}) == ({}, ["handler_name"])


@pytest.fixture(scope="module")
def frames(portrait):
    return [scene(portrait, view(i), noise=2.0, seed=i) for i in range(4)]


@pytest.fixture(scope="module")
def cover(portrait):
    file = io.BytesIO()
    Image.fromarray(cv2.resize(portrait, (96, 96))).save(file, "JPEG")
    return file.getvalue()


def loaded(folder, name, frames, cover):
    """A clip with all that may travel along: tags, a cover, further video, data, chapters."""
    plain, target = write_clip(folder / f"plain-{name}", frames), folder / name
    mov = not name.endswith(".mkv")
    kind = "mp4" if mov else "matroska"
    # FFmpeg writes either a cover into MP4 or the tags of phones.
    options = {"movflags": "use_metadata_tags"} if name.endswith(".mov") else {}
    with av.open(str(plain)) as a, av.open(str(target), "w", kind, options) as b:
        b.metadata.update({**NAMES, **DEVICE})
        copies = {s.index: b.add_stream_from_template(s, opaque=True) for s in a.streams}
        copies[1].metadata.update({"language": "fin", "title": "Jane's voice"})
        second = b.add_stream("mjpeg", rate=25)
        second.width, second.height, second.pix_fmt = 64, 64, "yuvj420p"
        if mov:
            picture = b.add_mux_stream("mjpeg", width=96, height=96)
            picture.disposition = av.stream.Disposition.attached_pic
            data = b.add_mux_stream("mov_text")
        else:
            b.add_attachment("Jane.jpg", "image/jpeg", cover)
            b.add_attachment("Jane.ttf", "font/ttf", b"telemetry" * 9)
        b.set_chapters(
            [{"id": 1, "start": 0, "end": 80, "time_base": MS, "metadata": {"title": "Jane"}}]
        )
        b.start_encoding()
        if mov:
            for stream, payload in ((picture, cover), (data, b"\0\x51" + b"telemetry" * 9)):
                packet = av.Packet(payload)
                packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, MS
                packet.duration, packet.is_keyframe = 40, True
                b.mux(packet)
        still = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        still.pts, still.time_base = 0, MS
        b.mux(second.encode(still.reformat(format="yuvj420p")))
        b.mux(second.encode(None))
        for packet in a.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                b.mux(packet)
    # FFmpeg writes no track of metadata; it writes subtitles, which differ in two names.
    whole = target.read_bytes().replace(b"tx3g", b"mebx")
    target.write_bytes(whole.replace(b"sbtl", b"meta"))
    return target


def pictures_in(data):
    """Whole JPEG and PNG files anywhere in the bytes, as a carver of files finds them."""
    found = 0
    for start in (b"\xff\xd8\xff", b"\x89PNG\r\n"):
        place = data.find(start)
        while place >= 0:
            try:
                Image.open(io.BytesIO(data[place:])).load()
                found += 1
            except Exception:  # bytes that only look like a beginning
                pass
            place = data.find(start, place + 1)
    return found


@pytest.mark.parametrize(
    ("name", "tags", "special"),
    [
        ("a.mp4", list(DEVICE)[:2], ("cover picture", "timed metadata")),
        ("a.mov", list(DEVICE), ("timed metadata",)),
        ("a.mkv", list(DEVICE), ("cover picture", "attachment")),
    ],
)
def test_nothing_of_it_travels_along_unless_it_is_allowed(
    name, tags, special, frames, cover, tmp_path
):
    source = loaded(tmp_path, name, frames, cover)
    there = [word for word in PERSONAL if word.encode() in source.read_bytes()]
    assert {"Jane", "telemetry"} <= {*there}
    assert pictures_in(source.read_bytes()) >= 1
    bare, entry = protected(source, tmp_path)
    text = bare.read_bytes()
    assert not [word for word in PERSONAL if word.encode() in text]
    assert pictures_in(text) == 0
    with av.open(str(bare)) as clip:
        assert {k.lower() for k in clip.metadata} <= LAYOUT
        assert {k.lower() for s in clip.streams for k in s.metadata} <= {"language", *WRITTEN}
        assert [s.type for s in clip.streams] == ["video", "audio"]
        assert not clip.chapters()
    gone = "; ".join(entry["left_out"]).lower()
    said = [*special, "further video", "title", "comment", "1 chapters", "creation_time"]
    assert [word for word in said if word not in gone] == []
    assert "jane" not in gone
    assert entry["withheld"] == []
    kept, entry = protected(source, tmp_path, "--keep-metadata", "--existing", "overwrite")
    text = kept.read_bytes()
    assert pictures_in(text) == 0
    assert not [word for word in ("Jane", "telemetry") if word.encode() in text]
    assert "creation_time" not in entry["withheld"]
    assert "title" in [name.lower() for name in entry["withheld"]]
    with av.open(str(kept)) as clip:
        found = {k.lower(): v for k, v in clip.metadata.items()}
        assert [found.get(k.lower()) for k in tags] == [DEVICE[k] for k in tags]
        assert not clip.chapters()
        assert [s.type for s in clip.streams] == ["video", "audio"]
        assert clip.streams.audio[0].language == "fin"


def test_a_clip_without_a_face_is_copied_without_them(frames, cover, tmp_path):
    source, nobody = loaded(tmp_path, "a.mp4", frames, cover), Fake()
    nobody.detector.faces = ()
    out = tmp_path / "out"
    assert call(source, "-o", out, "-q", "--on-no-face", "copy", protector=nobody) == 0
    text = (out / "a.mp4").read_bytes()
    assert not [word for word in PERSONAL if word.encode() in text]
    assert pictures_in(text) == 0
