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
    page.check("[name=card][value=light]", force=True)
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
