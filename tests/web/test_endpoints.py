"""What each endpoint answers when all is well."""

import base64
import io
import json
import zipfile
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from faceveil.inference.device import Choice
from faceveil.protect.targets import strength_of
from faceveil.systems.specs import DEFAULT, build_crop_protector, list_protectors
from faceveil.web.engine import Engine
from faceveil.web.methods import LINES
from faceveil.web.settings import Settings
from tests.protect.fakes import BrightenProtector, FixedDetector, FixedEstimator
from tests.web.conftest import client_of, fake_engine, picture, post


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_health(client):
    body = client.get("/api/v1/health").json()
    assert body["status"] == "ok"


def test_every_method_has_a_line(client):
    body = client.get("/api/v1/models").json()
    assert {m["name"] for m in body["methods"]} == set(list_protectors()) == set(LINES)
    assert all(m["description"].endswith(".") for m in body["methods"])
    assert body["methods"][0]["name"] == body["default"] == DEFAULT
    takes = {m["name"]: m["options"] for m in body["methods"]}
    assert takes["ensemble"] == ["combine", "stages"]
    assert takes["privacynet"] == ["hide"]
    for method in body["methods"]:  # what the page shows is what the package does
        crop_protector = build_crop_protector(method["name"], choice=Choice(threads=1))
        assert method["targets"] == (crop_protector.own_target is not None)
        assert method["own_target"] == crop_protector.own_target
        assert method["needs_gender"] == crop_protector.needs_gender
        assert method["strength"] == strength_of(crop_protector, None)
    assert body["limits"]["pixels"] == 1_000_000


def test_detect_counts_from_left_to_right(photo):
    from faceveil.types import Face
    from tests.protect.fakes import LANDMARKS, FixedDetector

    right, left = (
        Face((x, 40.0, x + 60, 140.0), LANDMARKS + np.float32(x), s)
        for x, s in ((90, 0.9), (5, 0.6))
    )
    client = client_of(engine=fake_engine(detector=FixedDetector((right, left))))
    body = post(client, "detect", {"photo": photo}).json()
    assert (body["width"], body["height"]) == (160, 160)
    assert [(f["number"], f["box"][0], f["score"]) for f in body["faces"]] == [
        (0, 5.0, 0.6),
        (1, 90.0, 0.9),
    ]
    chosen = post(client, "protect", {"photo": photo}, answer="json", faces="1").json()
    assert [f["box"][0] for f in chosen["faces"]] == [90.0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_protect_keeps_the_format_whatever_the_name(client, kind):
    sent = picture(kind=kind)
    answer = post(client, "protect", [("photo", "../../etc/passwd.gif", sent)])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert "passwd" not in answer.headers["content-disposition"]
    assert Image.open(io.BytesIO(answer.content)).format == kind
    before, after = pixels(sent), pixels(answer.content)
    assert abs(after[90, 80] - before[90, 80] + 0.8 * 51).max() <= 3  # male: target is darker
    assert abs(after[:5] - before[:5]).max() <= 1  # outside the face nothing


def test_protect_json_holds_the_same_picture(client, photo):
    body = post(client, "protect", {"photo": photo}, answer="json", gender="female").json()
    plain = post(client, "protect", {"photo": photo}, gender="female").content
    assert base64.b64decode(body["image"]) == plain
    assert body["media_type"] == "image/png"
    assert body["check"] is None
    (face,) = body["faces"]
    assert (face["gender"], face["gender_given"], face["target"]) == ("female", True, "male")


def test_strength_and_target_are_heard(client, photo):
    none = post(client, "protect", {"photo": photo}, strength="0").content
    assert (pixels(none) == pixels(photo)).all()
    same = post(client, "protect", {"photo": photo}, target="same").content
    assert (pixels(same) == pixels(photo)).all()


def test_metadata_goes_unless_kept(client):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "at home"
    Image.new("RGB", (160, 160), (90, 90, 90)).save(buffer, "JPEG", exif=exif)
    plain = post(client, "protect", {"photo": buffer.getvalue()})
    kept = post(client, "protect", {"photo": buffer.getvalue()}, keep_metadata="true")
    assert b"at home" not in plain.content
    assert b"at home" in kept.content


def test_zip_has_safe_unique_names_and_a_report(client, photo):
    names = ["a/b.png", "C:\\x\\B.PNG", "b.jpeg", "../..", "report.json", "", "con.png", "ü ß.png"]
    files = [("photo", name or "x", photo) for name in names] + [("photo", "bad.jpg", b"text")]
    answer = post(client, "protect", files, answer="zip")
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    found = archive.namelist()
    assert found == [
        "b.png", "B-2.png", "b-3.png", "photo.png", "report.png", "x.png", "_con.png",
        "ü ß.png", "report.json",
    ]  # fmt: skip
    assert len({name.casefold() for name in found}) == len(found)
    report = json.loads(archive.read("report.json"))["files"]
    assert [entry["number"] for entry in report] == list(range(1, 10))
    assert [entry["source"] for entry in report] == [
        "b.png", "B.PNG", "b.jpeg", "..", "report.json", "x", "con.png", "ü ß.png", "bad.jpg",
    ]  # fmt: skip
    assert [entry["code"] for entry in report] == ["ok"] * 8 + ["bad_photo"]
    assert [entry["name"] for entry in report] == [*found[:-1], None]
    single = post(client, "protect", {"photo": photo}).content
    assert archive.read("b.png") == single


def test_the_servers_key_draws(photo):
    from faceveil.protect.protector import Protector

    plain = Protector(BrightenProtector(), FixedEstimator(), FixedDetector())
    given = []
    for number in range(12):
        key = sha256(bytes([number])).digest()
        own = plain.protect_photo(pixels(photo).astype(np.uint8), target="random", key=key)
        client = client_of(engine=fake_engine(key=key))
        answer = post(client, "protect", {"photo": photo}, answer="json", target="random").json()
        assert answer["faces"][0]["target"] == own.faces[0].target
        given.append(own.faces[0].target)
    assert set(given) == {"female", "male"}


def test_a_seed_stands_in_for_the_servers_key(photo):
    def drawn(key):
        client = client_of(engine=fake_engine(key=sha256(key).digest()))
        fields = {"answer": "json", "target": "random"}
        return [
            post(client, "protect", {"photo": photo}, seed=str(n), **fields).json()["faces"]
            for n in range(8)
        ]

    assert drawn(b"a") == drawn(b"b")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_real_models_agree_with_the_package(portrait, tmp_path, kind):
    """The check is that of the file that is sent back, not of pixels before they were encoded."""
    import faceveil

    before, after = tmp_path / "before", tmp_path / "after"
    Image.fromarray(portrait).save(before, kind, quality=60)
    client = client_of(Settings(), Engine(1_000_000, threads=1))
    photo = before.read_bytes()
    body = post(client, "protect", {"photo": photo}, answer="json", check="true").json()
    after.write_bytes(base64.b64decode(body["image"]))
    if kind == "PNG":
        own = faceveil.load_protector(threads=1).protect_photo(before)
        assert (np.asarray(Image.open(after)) == own.image).all()
    expected = json.loads(json.dumps(faceveil.check(before, after).to_dict()))
    assert body["check"] == expected
    files = {"original": photo, "protected": after.read_bytes()}
    assert post(client, "check", files).json() == expected
    other = post(client, "check", files, target="neutral").json()
    assert other["faces"][0]["outcome"] != "as_drawn"
    assert post(client, "check", files, target="both").status_code == 422


@pytest.mark.parametrize(
    "fields", [{"method": "null"}, {"method": "san", "combine": "avg"}, {"hide": "age"}]
)
def test_options_that_no_photo_can_have_are_refused_for_a_zip_too(fields):
    client = client_of(engine=Engine(10**6))
    files = [("photo", "a.png", picture()), ("photo", "b.png", picture())]
    answer = post(client, "protect", files, answer="zip", **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_option")


def test_boxes_in_place_of_the_detector(photo):
    from tests.protect.fakes import LANDMARKS, FixedDetector

    client = client_of(engine=fake_engine(detector=FixedDetector(())))
    box = {"box": [40, 40, 120, 140], "landmarks": LANDMARKS.tolist()}
    found = {"width": 160, "height": 160, "faces": [box], "doubtful": []}
    whole = pixels(photo)
    for boxes in ([box], found, {"b.png": [], "a.png": found}):
        fields = {"answer": "json", "boxes": json.dumps(boxes)}
        body = post(client, "protect", [("photo", "a.png", photo)], **fields).json()
        assert [(f["number"], f["box"]) for f in body["faces"]] == [(0, [40, 40, 120, 140])]
        assert (pixels(base64.b64decode(body["image"])) != whole).any()
    many = json.dumps([box] * 80)
    body = post(client, "protect", {"photo": photo}, answer="json", boxes=many).json()
    assert len(body["faces"]) == 80


@pytest.mark.parametrize(
    ("boxes", "code", "reason"),
    [
        ("[[1,2,3]]", "bad_option", "expected 4 numbers"),
        ("{", "bad_option", "no JSON"),
        ("[[40, 40, 120, 140]]", "no_face", "no face found in it"),
        ('{"faces": [], "width": 9, "height": 9}', "bad_option", "for a photo of 9 x 9 pixels"),
    ],
)
def test_boxes_that_cannot_be_used(photo, boxes, code, reason):
    from tests.protect.fakes import FixedDetector

    client = client_of(engine=fake_engine(detector=FixedDetector(())))
    answer = post(client, "protect", {"photo": photo}, boxes=boxes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert reason in answer.json()["message"]


def test_places_that_may_be_faces(photo):
    from faceveil.imaging.search import Sight
    from faceveil.types import Face
    from tests.protect.fakes import LANDMARKS, FixedDetector

    class Unsure(FixedDetector):
        def search(self, rgb):
            return Sight(self.faces, (Face((5.0, 5.0, 35.0, 40.0), LANDMARKS, 0.3),))

    client = client_of(engine=fake_engine(detector=Unsure()))
    found = post(client, "detect", {"photo": photo}).json()
    assert [(f["number"], f["score"]) for f in found["doubtful"]] == [(1, 0.3)]
    done = post(client, "protect", {"photo": photo}, answer="json").json()
    assert ([f["number"] for f in done["faces"]], len(done["doubtful"])) == ([0], 1)
    done = post(client, "protect", {"photo": photo}, answer="json", doubtful="protect").json()
    assert ([f["number"] for f in done["faces"]], done["doubtful"]) == ([0, 1], [])
    left = post(client, "protect", {"photo": photo}, answer="json", faces="1").json()
    assert [f["number"] for f in left["left"]] == [0]
    answer = post(client, "protect", {"photo": photo}, doubtful="fail")
    assert (answer.status_code, answer.json()["code"]) == (422, "doubtful")
