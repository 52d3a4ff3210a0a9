"""The page in Chromium: python -m pip install playwright; apt-get install chromium."""

import shutil
import subprocess
import sys
import time
import zipfile

import pytest

from tests.conftest import ROOT

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: the page is not tried in a browser"
)
CHROMIUM = shutil.which("chromium")
PORTRAIT = ROOT / "src/faceveil/assets/astronaut.png"
STILL = "document.querySelector('#busy').hidden && "


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "faceveil", "serve", "--port", "0", "--jobs", "1"]
    server = subprocess.Popen([*command, "--token", "new"], stdout=subprocess.PIPE, text=True)
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
        page = browser.new_page(viewport={"width": 375, "height": 800})
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


def test_one_photo(page, tmp_path):
    assert "token" not in page.url
    page.set_input_files("#files", [PORTRAIT])
    until(page, STILL + "document.querySelectorAll('.face h3').length === 1")
    assert page.get_attribute("#boxes button", "aria-pressed") == "true"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown = page.get_attribute("#after", "src")
    page.focus("#strength")
    page.keyboard.press("End")
    until(page, STILL + f"document.querySelector('#after').src !== '{shown}'")
    until(page, STILL + "!document.querySelector('#save').disabled")
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "astronaut-protected.png"
    download.value.save_as(tmp_path / "done.png")
    from faceveil import load_protector
    from faceveil.imaging.decode import load_photo

    own = load_protector(threads=1).protect_photo(PORTRAIT, strength=1).image
    assert (load_photo(tmp_path / "done.png").pixels == own).all()
    page.click("#boxes button")
    assert page.get_attribute("#boxes button", "aria-pressed") == "false"
    assert page.is_disabled("#save")


def test_many_with_a_bad_one(page, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    page.set_input_files("#files", [bad, PORTRAIT, PORTRAIT])
    until(page, STILL + "!document.querySelector('#save-all').disabled")
    assert page.inner_text("#error").startswith("bad.jpg: not an image")
    with page.expect_download() as download:
        page.click("#save-all")
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["astronaut-protected.png", "astronaut-protected-2.png"]
    page.click("#clear")
    assert page.is_hidden("#work")
