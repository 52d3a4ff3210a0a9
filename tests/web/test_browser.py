"""The page in Chromium: python -m pip install playwright; apt-get install chromium."""

import json
import shutil
import subprocess
import sys
import time
import zipfile

import pytest
from PIL import Image

from tests.conftest import ROOT

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: the page is not tried in a browser"
)
CHROMIUM = shutil.which("chromium")
KEY = bytes(range(32))
PORTRAIT = ROOT / "src/faceveil/assets/astronaut.png"
STILL = (
    "document.querySelector('#busy').hidden && document.querySelector('#progress-row').hidden && "
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_bytes(KEY)
    key.chmod(0o600)
    command = [sys.executable, "-m", "faceveil", "serve", "--port", "0", "--jobs", "1"]
    server = subprocess.Popen(
        [*command, "--token", "new", "--key", str(key)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield server.stdout.readline().split()[-1]
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page(address):
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: the page is not tried in a browser")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.foreign, page.broken = [], []
        own = (address.partition("#")[0], "blob:")
        page.on("request", lambda r: r.url.startswith(own) or page.foreign.append(r.url))
        page.on("pageerror", lambda error: page.broken.append(str(error)))
        page.goto(address)
        until(page, "document.querySelector('#method').options.length")
        yield page
        assert page.foreign == []
        assert page.broken == []
        browser.close()


def until(page, script, seconds=60):
    """Playwright's own waiting needs eval, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(script):
        assert time.monotonic() < end, script
        time.sleep(0.05)


def text(page, selector):
    return page.inner_text(selector).strip()


def style(page, selector, name):
    return page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{name}")


def done(page):
    until(page, STILL + "!document.querySelector('#save').disabled")
    until(page, "document.querySelectorAll('#faces li').length > 0")


def test_one_photo(page, tmp_path):
    assert "token" not in page.url
    page.click("#sample")
    done(page)
    assert text(page, "#note").startswith("Yes")
    assert page.get_attribute("#boxes button", "aria-pressed") == "true"
    assert "Software" in text(page, "#faces li")
    assert page.is_visible("#coin")
    shown = page.get_attribute("#after", "src")
    page.focus("#strength")
    page.keyboard.press("Home")
    until(page, STILL + "document.querySelector('#note').textContent === 'No.'")
    assert text(page, "#help-do") == "Full strength"
    page.click("#help-do")
    assert text(page, "#strength-out") == "100 %"
    until(page, STILL + f"document.querySelector('#after').src !== '{shown}'")
    done(page)
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "astronaut-protected.png"
    download.value.save_as(tmp_path / "done.png")
    from faceveil import load_protector
    from faceveil.imaging.decode import load_photo

    own = load_protector(threads=1).protect_photo(PORTRAIT, strength=1, key=KEY).image
    assert (load_photo(tmp_path / "done.png").pixels == own).all()
    page.click("#boxes button")
    assert page.get_attribute("#boxes button", "aria-pressed") == "false"
    assert page.is_disabled("#save")


def test_the_picture_in_hand(page):
    page.set_input_files("#files", [PORTRAIT])
    done(page)
    stage = page.locator("#stage").bounding_box()
    frame = page.locator("#boxes i").bounding_box()
    number = page.locator("#boxes button").bounding_box()
    assert frame["height"] > 0.4 * stage["height"]  # it opens on the face
    assert number["y"] + number["height"] <= frame["y"]  # which the number does not cover
    middle = frame["x"] + frame["width"] / 2
    divider = page.locator("#divider").bounding_box()
    assert frame["x"] < divider["x"] < frame["x"] + frame["width"]  # before and after are seen

    page.mouse.move(middle, stage["y"] + 50)
    page.mouse.down()
    page.mouse.move(middle - 200, stage["y"] + 60)
    page.mouse.up()
    moved = page.locator("#divider").bounding_box()
    assert abs(divider["x"] - moved["x"] - 200) < 3

    page.mouse.move(middle, stage["y"] + 50)
    page.mouse.down()
    until(page, "getComputedStyle(document.querySelector('#after')).visibility === 'hidden'")
    page.mouse.up()
    assert style(page, "#after", "visibility") == "visible"

    page.click("#zoom-real")
    assert text(page, "#zoom") == "100 %"
    assert abs(page.locator("#before").bounding_box()["width"] - 512) < 1
    page.mouse.move(middle, stage["y"] + 50)
    page.mouse.wheel(0, -300)
    until(page, "document.querySelector('#before').getBoundingClientRect().width > 600")
    page.click("#zoom-fit")
    whole = page.locator("#before").bounding_box()
    assert abs(whole["height"] - stage["height"]) < 1  # a small photo is enlarged
    page.click("#boxes-on")
    assert style(page, "#boxes", "visibility") == "hidden"
    page.hover("#faces button")
    assert page.locator("#boxes i.lit").count() == 1


def test_only_options_that_apply(page):
    page.set_input_files("#files", [PORTRAIT])
    done(page)
    page.click("#advanced summary")
    assert page.is_hidden("#gender-field")  # of no account for a coin toss
    page.click("#coin-opposite")
    assert page.is_visible("#gender-field")
    done(page)
    assert page.input_value("#target") == "opposite"
    assert "opposite" in text(page, "#coin-text")
    page.select_option("#method", "blur")
    assert page.is_hidden("#gender-field")
    assert page.is_hidden("#target-field")
    assert text(page, "#strength-out") == "100 %"
    done(page)
    assert page.is_hidden("#coin")
    page.check("[name=card][value=papers]", force=True)
    assert page.input_value("#method") == "san"
    assert page.is_visible("#gender-field")
    for field in page.locator("#panel select").all():  # no word is cut off
        assert field.evaluate("field => field.scrollWidth <= field.clientWidth")


def test_many_with_bad_ones(page, tmp_path):
    (tmp_path / "bad.jpg").write_text("no photo")
    Image.new("RGB", (300, 200), (90, 140, 90)).save(tmp_path / "meadow.png")
    names = ["bad.jpg", "meadow.png"]
    page.set_input_files("#files", [*(tmp_path / name for name in names), PORTRAIT, PORTRAIT])
    until(page, STILL + "!document.querySelector('#save-all').disabled")
    assert page.locator("#list .state").all_inner_texts() == [
        "text file", "no face", "worked", "worked",
    ]  # fmt: skip
    assert text(page, "#note") == "This is a text file, no photo."
    assert text(page, "#count").startswith("2 of 4 will be downloaded")
    page.locator("#list button").nth(2).click()
    light = page.locator("[name=card][value=light]")
    light.evaluate("card => card.scrollIntoView({block: 'center'})")
    light.check(force=True)
    until(page, "!document.querySelector('#apply').hidden")
    page.click("#apply-all")
    until(page, STILL + "!document.querySelector('#save-all').disabled")
    with page.expect_download() as download:
        page.click("#save-all")
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        protected = ["astronaut-protected.png", "astronaut-protected-2.png"]
        assert archive.namelist() == [*protected, "report.json"]
        report = json.loads(archive.read("report.json"))["files"]
    assert [entry["source"] for entry in report] == [*names, "astronaut.png", "astronaut.png"]
    assert [entry["code"] for entry in report] == ["bad_photo", "no_face", "ok", "ok"]
    assert [entry["name"] for entry in report] == [None, None, *protected]
    assert {entry["options"]["strength"] for entry in report[2:]} == {0.5}
    page.click("#clear")
    assert page.is_visible("#empty")


def test_photos_that_come_before_the_server_has_answered(page, address):
    held = []
    page.route("**/api/v1/models", lambda route: held.append(route))
    page.goto("about:blank")  # else the same address is not loaded again
    page.goto(address)
    page.set_input_files("#files", [PORTRAIT])
    until(page, "document.querySelectorAll('#list li').length === 1")
    until(page, "document.querySelector('#note').textContent === 'Looking for faces …'")
    held[0].continue_()
    done(page)
    assert text(page, "#note").startswith("Yes")


def test_nothing_is_cut_off(page):
    page.set_input_files("#files", [PORTRAIT])
    done(page)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select')].filter((one) =>"
        " one.offsetParent && !one.labels?.[0]?.textContent.trim()"
        " && !one.getAttribute('aria-label') && !one.textContent.trim()).map((one) => one.id)"
    )
    assert unnamed == []
    for width, height in ((375, 800), (820, 1180), (1600, 900)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        bar = page.locator("#bar").bounding_box()
        assert bar["y"] + bar["height"] <= height + 1  # the download is always in sight
    # The picture and what is said of it fill the window.
    assert page.locator("#stage").bounding_box()["x"] < 32
    panel = page.locator("#panel").bounding_box()
    assert panel["x"] + panel["width"] > 1568
    light = style(page, "body", "backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert style(page, "body", "backgroundColor") != light


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*((a + b) / 2 for a, b in zip(start, end, strict=True)))
    page.mouse.move(*end)
    page.mouse.up()


def frame(page, number=0):
    """Left, top, right and bottom of a box on the screen."""
    box = page.locator("#boxes i").nth(number).bounding_box()
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def listen_in(page):
    """From now on the page keeps what it asks of protect, but for the pictures of the cards."""
    page.evaluate(
        "() => { const own = window.fetch; window.asked = []; window.fetch = (url, given) => {"
        " if (given?.body?.has?.('check')) window.asked.push("
        " Object.fromEntries([...given.body].filter(([name]) => name !== 'photo')));"
        " return own(url, given); }; }"
    )


def asked(page):
    return page.evaluate("window.asked")


def test_a_box_is_drawn_moved_and_deleted(page):
    listen_in(page)
    page.set_input_files("#files", [PORTRAIT, PORTRAIT])
    until(page, STILL + "!document.querySelector('#save-all').disabled")
    assert "boxes" not in asked(page)[0]
    page.click("#edit-boxes")
    page.locator("#boxes i").focus()
    page.keyboard.press("Delete")
    assert text(page, "#note") == "There is no box: this photo stays as it is."
    assert page.locator("#list .state").first.inner_text() == "no face chosen"
    page.click("#zoom-fit")
    page.click("#edit-add")
    whole = page.locator("#before").bounding_box()
    scale = whole["width"] / 512
    place = [whole[side] + scale * v for side, v in zip("xyxy", (170, 60, 280, 190), strict=True)]
    drag(page, place[:2], place[2:])
    assert max(abs(a - b) for a, b in zip(frame(page), place, strict=True)) < 3
    done(page)
    assert text(page, "#note").startswith("Yes")
    sent = json.loads(asked(page)[-1]["boxes"])
    drawn = sent["faces"][0]["box"]
    assert (sent["width"], sent["height"], len(sent["faces"])) == (512, 512, 1)
    assert max(abs(a - b) for a, b in zip(drawn, (170, 60, 280, 190), strict=True)) <= 2

    # The keys go to it: an arrow moves it, with shift it is resized; the rest is one call.
    assert page.evaluate("document.activeElement.matches('#boxes i')")
    assert "arrow keys move it" in page.evaluate("document.activeElement.ariaLabel")
    count = len(asked(page))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    until(page, f"window.asked.length > {count}")
    done(page)
    step = max(1, round(4 / scale))
    x0, y0, x1, y1 = drawn
    moved = json.loads(asked(page)[-1]["boxes"])["faces"][0]
    assert moved == {"box": [x0 + step, y0, x1 + step, y1 + step]}
    assert len(asked(page)) == count + 1

    # Dragged to where no face is: said at the box.
    left, top, right, bottom = frame(page)
    middle = ((left + right) / 2, (top + bottom) / 2)
    corner = (whole["x"] + scale * 60, whole["y"] + scale * 440)
    drag(page, middle, corner)
    until(page, "document.querySelector('#boxes button.wrong')")
    assert "no face found here" in text(page, "#boxes button")
    assert text(page, "#note").startswith("No face was found in box 1")
    assert page.locator("#list .state").first.inner_text() == "box without a face"
    drag(page, corner, middle)
    done(page)
    page.click("#edit-undo")
    done(page)
    assert "boxes" not in asked(page)[-1]
    assert page.is_hidden("#edit-undo")

    # An edge is dragged; the other photo has nothing of it, whatever is applied to all.
    left, top, right, bottom = frame(page)
    drag(page, (right, (top + bottom) / 2), (right + 20 * scale, (top + bottom) / 2))
    done(page)
    assert abs(frame(page)[2] - right - 20 * scale) < 3
    assert page.get_attribute("#boxes button", "aria-pressed") == "true"
    page.locator("[name=card][value=light]").evaluate("card => card.click()")
    done(page)
    count = len(asked(page))
    page.click("#apply-all")
    until(page, STILL + "!document.querySelector('#save-all').disabled")
    (other,) = asked(page)[count:]
    assert (other["strength"], other.get("boxes")) == ("0.5", None)


def test_places_that_may_be_faces(page):
    listen_in(page)
    page.evaluate(  # the server's answer, but that it is not sure of the face
        "() => { const own = window.fetch; window.fetch = async (url, given) => {"
        " const answer = await own(url, given); if (!url.endsWith('/detect')) return answer;"
        " const found = await answer.json();"
        " found.doubtful = found.faces.map((face) => ({ ...face, score: 0.3 }));"
        " found.faces = []; return new Response(JSON.stringify(found)); }; }"
    )
    page.set_input_files("#files", [PORTRAIT])
    until(page, "document.querySelectorAll('#boxes i.doubtful').length === 1")
    assert style(page, "#boxes i", "borderTopStyle") == "dashed"
    assert "1 place may be a face and was left." in text(page, "#note")
    assert page.text_content("#list .more") == "1 may be a face"
    assert "may be a face" in page.get_attribute("#boxes button", "aria-label")
    assert text(page, "#doubts li button").split("\n") == ["1 ?", "Protect this place too"]
    page.click("#doubts li button")
    done(page)
    assert asked(page)[-1]["faces"] == "0"
    assert page.locator("#doubts li").count() == 0
    assert page.text_content("#list .more") == ""
    assert "left" not in text(page, "#note")
    page.click("#boxes button")  # its number does the same, both ways
    until(page, "document.querySelectorAll('#boxes i.doubtful').length === 1")
