"""Bad photos, bad options, limits: one shape of error, and nothing on the disk."""

import argparse
import io
import json
import os
import struct
import tempfile
import threading
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from faceveil.cli import protect, serve
from faceveil.errors import ModelError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.registry import JudgeSet
from faceveil.protect.protector import Protector
from faceveil.web.engine import Engine
from faceveil.web.errors import ApiError
from faceveil.web.options import ProtectFields
from faceveil.web.pool import Deadline, out_of_time
from faceveil.web.settings import MIB, Settings
from tests.protect.fakes import BrightenProtector, FixedDetector, FixedEstimator
from tests.web.conftest import client_of, code, fake_engine, picture, post


def huge_header():
    """A PNG of a few bytes that says it has 50,000 x 50,000 pixels."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"0"))):
        chunk = kind + body
        data += struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data


def animated():
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


BAD = {
    "nothing": b"",
    "text": b"hello, this is no photo",
    "half": picture()[:60],
    "gif": picture(kind="GIF"),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "animated": animated(),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
@pytest.mark.parametrize("path", ["protect", "detect"])
def test_bad_photos(client, path, data):
    answer = post(client, path, [("photo", "innocent.jpg", data)])
    assert code(answer) == (422, "bad_photo")


@pytest.mark.parametrize("data", [huge_header(), picture((1001, 1000))])
def test_too_many_pixels(client, data):
    assert code(post(client, "detect", {"photo": data})) == (413, "too_large")


def test_who_sends_too_many_pixels_is_told_what_they_can_do(client):
    said = post(client, "protect", {"photo": picture((1001, 1000))}).json()["message"]
    assert said.startswith(
        "1,001,000 pixels; this server takes photos of at most 1,000,000; shrink"
    )
    assert "raise" not in said


def test_limits_are_those_of_the_command_line():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for command in (protect, serve):
        command.add_parser(commands)
    asked = [parser.parse_args(argv) for argv in (["serve"], ["protect", "x", "-o", "y"])]
    assert asked[0].max_pixels == asked[1].max_pixels == Settings().max_pixels
    assert asked[0].max_mb * MIB == Settings().max_photo_bytes


def test_check_refuses(client, photo):
    both = {"original": photo, "protected": picture((80, 80))}
    assert code(post(client, "check", both)) == (422, "bad_option")
    assert code(post(client, "check", {"original": photo, "protected": b"x"})) == (422, "bad_photo")
    assert code(post(client, "check", {"original": photo})) == (422, "bad_option")


def test_no_face(photo):
    client = client_of(engine=fake_engine(detector=FixedDetector(())))
    assert code(post(client, "protect", {"photo": photo})) == (422, "no_face")
    assert post(client, "detect", {"photo": photo}).json()["faces"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("strength", "2"), ("strength", "nan"), ("strength", "much"), ("gender", "other"),
        ("target", "none"), ("faces", "left"), ("faces", "0,"), ("faces", "7"), ("hide", "name"),
        ("stages", "0"), ("combine", "sum"), ("seed", "-1"), ("seed", "9" * 300),
        ("answer", "html"), ("colour", "red"), ("output", "/etc/passwd"), ("check", "perhaps"),
    ],
)  # fmt: skip
def test_bad_options(client, photo, field, value):
    answer = post(client, "protect", {"photo": photo}, **{field: value})
    assert code(answer) == (422, "bad_option")
    assert field in answer.json()["message"]


@pytest.mark.parametrize("method", ["nonsense", "../../weights/san", ""])
def test_unknown_method(photo, method):
    from faceveil import load_protector

    client = client_of(engine=fake_engine(load=load_protector))
    answer = post(client, "protect", {"photo": photo}, method=method)
    assert code(answer) == (422, "bad_option")


def test_option_that_a_method_does_not_take(photo):
    from faceveil import load_protector

    client = client_of(engine=fake_engine(load=load_protector))
    answer = post(client, "protect", {"photo": photo}, method="blur", hide="age")
    assert code(answer) == (422, "bad_option")


def test_missing_model_names_no_folder(photo):
    def load(name, **_):
        raise ModelError("/home/me/secret/san.onnx: no such file")

    client = client_of(engine=fake_engine(load=load))
    answer = post(client, "protect", {"photo": photo})
    assert code(answer) == (503, "model_missing")
    assert "secret" not in answer.text


def test_a_bug_tells_nothing_of_the_photo(photo, capsys):
    def load(name, **_):
        raise RuntimeError("what the user sent")

    client = client_of(engine=fake_engine(load=load))
    assert code(post(client, "protect", {"photo": photo})) == (500, "internal")
    said = capsys.readouterr().err
    assert "RuntimeError at test_errors.py" in said
    assert "what the user sent" not in said


def test_addresses_and_methods(client):
    assert code(client.get("/../../etc/passwd")) == (404, "not_found")
    assert code(client.get("/static/%2e%2e/app.py")) == (404, "not_found")
    assert code(client.get("/api/v1/protect")) == (405, "method")
    assert code(client.put("/api/v1/detect")) == (405, "method")
    assert code(client.get("/redoc")) == (404, "not_found")


def test_forms(client, photo):
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    url = "/api/v1/detect"
    assert code(client.post(url, json={"photo": "x"})) == (415, "not_a_form")
    assert code(client.post(url)) == (415, "not_a_form")
    assert code(client.post(url, content=b"rubbish", headers=kind)) == (400, "bad_request")
    bare = {"Content-Type": "multipart/form-data"}
    assert code(client.post(url, content=b"", headers=bare)) == (400, "bad_request")
    odd = {"Content-Type": "multipart/form-data; boundary=x; charset=idna"}
    body = b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\na\r\n--x--\r\n'
    assert client.post(url, content=body, headers=odd).status_code in (400, 422)
    assert code(post(client, "detect", {"other": photo})) == (422, "bad_option")
    assert code(client.post(url, data={"photo": "text"}, files={"a": b"b"})) == (422, "bad_option")
    answer = client.post(url, files=[("photo", photo)], data={"a": ["1", "2"]})
    assert code(answer) == (422, "bad_option")


def test_fields_and_headers_have_an_end(client, photo):
    long = {"photo": photo}
    assert code(post(client, "protect", long, faces="1," * 70_000)) == (400, "bad_request")
    many = {f"field{n}": "1" for n in range(60)}
    assert code(post(client, "protect", long, **many)) == (400, "bad_request")
    name = [("photo", "a" * 9000, photo)]
    assert code(post(client, "detect", name)) == (400, "bad_request")
    assert post(client, "detect", [("photo", "a" * 2000, photo)]).status_code == 200
    headers = b"Name: value\r\n" * 3000
    body = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n' + headers
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/v1/detect", content=body + b"\r\nx\r\n--x--", headers=kind)
    assert code(answer) == (400, "bad_request")


def test_too_many_files(photo):
    client = client_of(Settings(max_files=3))
    many = [("photo", "x", photo)] * 4
    assert code(post(client, "protect", many, answer="zip")) == (413, "too_many_files")
    assert code(post(client, "protect", many * 5, answer="zip")) == (413, "too_many_files")
    assert code(post(client, "detect", many[:2])) == (413, "too_many_files")
    assert code(post(client, "protect", many[:2])) == (422, "bad_option")
    assert post(client, "protect", many[:3], answer="zip").status_code == 200


def test_too_many_bytes(noise):
    one = client_of(Settings(max_photo_bytes=len(noise) - 1))
    assert code(post(one, "detect", {"photo": noise})) == (413, "too_large")
    exact = client_of(Settings(max_photo_bytes=len(noise)))
    assert post(exact, "detect", {"photo": noise}).status_code == 200
    whole = client_of(Settings(max_request_bytes=len(noise)))
    assert code(post(whole, "detect", {"photo": noise})) == (413, "too_large")


def test_bytes_are_counted_where_no_length_is_stated(photo):
    client = client_of(Settings(max_request_bytes=10_000))

    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        for _ in range(1000):
            yield b"0" * 1000

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/v1/detect", content=endless(), headers=kind)
    assert code(answer) == (413, "too_large")


class SlowDetector(FixedDetector):
    def __init__(self):
        super().__init__()
        self.go, self.started = threading.Event(), threading.Semaphore(0)

    def detect(self, rgb):
        self.started.release()
        assert self.go.wait(20)
        return self.faces


def test_who_needs_another_method_does_not_wait_for_one_that_loads(photo):
    loading, go = threading.Event(), threading.Event()

    def load(name, **_):
        if name == "ensemble":
            loading.set()
            assert go.wait(20)
        return Protector(BrightenProtector(), FixedEstimator(), FixedDetector())

    with client_of(engine=fake_engine(load=load)) as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(post, client, "protect", {"photo": photo}, method="ensemble")
        assert loading.wait(20)
        assert post(client, "protect", {"photo": photo}, method="san").status_code == 200
        go.set()
        assert slow.result().status_code == 200


def test_a_full_queue_answers_429_and_the_loop_stays_free(photo):
    detector = SlowDetector()
    settings = Settings(workers=1, queue=1)
    with client_of(settings, fake_engine(detector=detector)) as client:
        with ThreadPoolExecutor(2) as pool:
            first = [pool.submit(post, client, "detect", {"photo": photo}) for _ in range(2)]
            assert detector.started.acquire(timeout=10)
            time.sleep(0.3)  # the second has its place by now, and waits
            answer = post(client, "detect", {"photo": photo})
            assert code(answer) == (429, "busy")
            assert int(answer.headers["retry-after"]) >= 1
            assert client.get("/api/v1/health").status_code == 200
            detector.go.set()
            assert [f.result().status_code for f in first] == [200, 200]
        assert post(client, "detect", {"photo": photo}).status_code == 200


def test_time_limit_and_the_thread_left_behind_holds_its_place(photo):
    detector = SlowDetector()
    settings = Settings(workers=1, queue=0, seconds=0.3)
    with client_of(settings, fake_engine(detector=detector)) as client:
        assert code(post(client, "detect", {"photo": photo})) == (504, "time_limit")
        assert code(post(client, "detect", {"photo": photo})) == (429, "busy")
        detector.go.set()
        for _ in range(50):
            answer = post(client, "detect", {"photo": photo})
            if answer.status_code == 200:
                break
            time.sleep(0.05)
        assert answer.status_code == 200


class Crowd(FixedDetector):
    """Many small faces side by side."""

    def __init__(self, count):
        face = FixedDetector().faces[0]
        super().__init__((face,) * count)


class EachTakes(BrightenProtector):
    """Looks as if the limit passed once some faces are done."""

    name = "san"

    def __init__(self, after):
        super().__init__()
        self.after, self.deadline = after, None

    def protect(self, luma, male, target, landmarks):
        done = super().protect(luma, male, target, landmarks)
        if len(self.calls) == self.after:
            self.deadline.give_up()
        return done


def test_too_many_faces_for_a_method_are_refused_before_any_is_done(photo):
    method = BrightenProtector()
    engine = fake_engine(
        detector=Crowd(319), load=lambda *_, **__: Protector(method, FixedEstimator(), Crowd(319))
    )
    client = client_of(Settings(seconds=40), engine)
    answer = post(client, "protect", {"photo": photo}, method="cw")
    assert code(answer) == (422, "too_much")
    assert answer.json()["message"].startswith("319 faces are too many for cw in one call; exp")
    assert method.calls == []
    assert post(client, "protect", {"photo": photo}, method="cw", faces="largest").is_success
    both = {"original": photo, "protected": photo}
    assert code(post(client, "check", both)) == (422, "too_much")


def test_a_zip_goes_on_after_the_photo_that_is_too_much(photo):
    client = client_of(Settings(seconds=40))  # ten of them may be work: less than a face with cw
    files = [("photo", "a.png", photo), ("photo", "b.png", photo)]
    answer = post(client, "protect", files, method="cw", answer="zip")
    report = zipfile.ZipFile(io.BytesIO(answer.content)).read("report.json")
    assert [entry["code"] for entry in json.loads(report)["files"]] == ["ok", "too_much"]


def test_work_given_up_stops_at_the_next_face(photo):
    method = EachTakes(after=3)
    engine = fake_engine(
        detector=Crowd(9), load=lambda *_, **__: Protector(method, FixedEstimator(), Crowd(9))
    )
    method.deadline = Deadline(60)
    with pytest.raises(ApiError, match="60 seconds"):
        engine.protect(photo, ProtectFields(method="san"), method.deadline)
    assert len(method.calls) == 3


def test_the_search_stops_between_looks(portrait):
    class OneLook(Deadline):
        looks = 0

        def look(self):
            self.looks += 1
            if self.looks > 1:
                raise out_of_time(1)

    wide = np.tile(portrait, (1, 5, 1))  # looked at whole, and in parts
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG", compress_level=0)
    deadline = OneLook(60)
    with pytest.raises(ApiError, match="longer"):
        Engine(10**7, threads=1).detect(buffer.getvalue(), deadline)
    assert deadline.looks == 2


def test_a_deadline_that_has_passed_begins_nothing(photo):
    with pytest.raises(ApiError, match="longer"):
        fake_engine().protect(photo, ProtectFields(), Deadline(0))


def test_judges_stop_between_faces(photo):
    class Judge:
        info = JudgeInfo("judge", "", "", "")
        seen = 0

        def p_male(self, crops):
            self.seen += len(crops)
            deadline.give_up()
            return np.full(len(crops), 0.5, np.float32)

    class Matcher:
        info = JudgeInfo("matcher", "", "", "")

        def threshold(self, fmr):
            return 0.3

    judge, deadline = Judge(), Deadline(60)
    engine = Engine(10**6, detector=Crowd(100), judges=JudgeSet((judge,), (Matcher(),)))
    with pytest.raises(ApiError, match="longer"):
        engine.check(photo, photo, deadline)
    assert 0 < judge.seen < 100


def test_nothing_is_written(noise, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("rollover", "_check"):  # what puts an upload on the disk
        original = getattr(tempfile.SpooledTemporaryFile, name)

        def watched(self, *args, original=original, name=name):
            assert name != "rollover", "an upload went to the disk"
            return original(self, *args)

        monkeypatch.setattr(tempfile.SpooledTemporaryFile, name, watched)
    opened = []
    monkeypatch.setattr(os, "open", lambda path, *a, **k: opened.append(path))
    client = client_of()
    assert post(client, "detect", {"photo": noise}).status_code == 200
    assert post(client, "protect", {"photo": noise}).status_code == 200
    both = [("photo", "a", photo), ("photo", "b", noise)]
    assert post(client, "protect", both, answer="zip").status_code == 200
    assert post(client, "detect", {"photo": b"bad"}).status_code == 422
    assert opened == []
    assert list(tmp_path.iterdir()) == []


def test_only_counts_are_said(photo, capsys):
    with client_of() as client:
        post(client, "detect", [("photo", "holiday-of-anna.png", photo)])
        post(client, "detect", [("photo", "holiday-of-anna.png", b"bad")])
        odd = b'--x\r\nContent-Disposition: form-data;\r name="anna"\r\n\r\n--x--'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        assert client.post("/api/v1/detect", content=odd, headers=kind).status_code == 400
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "faceveil: stopped; detect answered 1, detect refused 2\n"
