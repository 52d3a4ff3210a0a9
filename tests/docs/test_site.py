"""The site builds strictly, every link in it leads somewhere, and nothing comes from elsewhere."""

import re
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.conftest import ROOT

PICTURES = ROOT / "docs/pictures"


def test_links_lead_to_a_page_and_a_place_on_it(pages, site):
    wrong = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are absolute: it is served for any address
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            known = target.is_file() and target.is_relative_to(site)
            if known and parts.fragment and target in pages:
                known = unquote(parts.fragment) in pages[target].ids
            if not known:
                wrong.append(f"{path.name}: {link}")
    assert wrong == []


def test_nothing_is_loaded_from_elsewhere(pages, site):
    foreign = [f"{p.name}: {u}" for p, page in pages.items() for u in page.loads if is_foreign(u)]
    for path in site.rglob("*.css"):
        css = path.read_text(encoding="utf-8")
        found = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", css)
        foreign += [f"{path.name}: {u}" for u in found if is_foreign(u)]
    assert foreign == []


def test_what_is_loaded_is_there(pages, site):
    gone = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.loads:
            if not (path.parent / unquote(urlsplit(link).path)).is_file():
                gone.append(f"{path.name}: {link}")
    assert gone == []


def is_foreign(url):
    return bool(urlsplit(url).netloc) or urlsplit(url).scheme in ("http", "https")


@pytest.mark.parametrize(
    ("url", "foreign"),
    [
        ("https://example.org/a.js", True),
        ("//example.org/a.js", True),
        ("assets/a.js", False),
        ("data:image/svg+xml,<svg/>", False),
    ],
)
def test_foreign(url, foreign):
    assert is_foreign(url) is foreign


def test_formulas_are_mathml(pages, site):
    for path in pages:
        html = path.read_text(encoding="utf-8")
        assert "arithmatex" not in html, path.name
        assert "MathJax" not in html, path.name
    san = (site / "san.html").read_text(encoding="utf-8")
    assert san.count('display="block"') == 5
    assert '<span class="number">(3)</span>' in san
    assert "\\lVert" not in san


def test_every_method_has_a_row_and_every_public_name_an_entry(pages, site):
    import faceveil

    systems = pages[site / "systems.html"].text
    api = pages[site / "api.html"]
    assert [m for m in faceveil.list_protectors() if m not in systems] == []
    names = set(faceveil.__all__) - {"__version__", "FaceVeilError"}
    assert {n for n in names if not any(i.endswith(f".{n}") for i in api.ids)} == set()
    assert "faceveil.errors.FaceVeilError" in api.ids
    assert ":func:" not in api.text
    assert ":class:" not in api.text
    assert "+SKIP" not in api.text


def test_every_page_is_in_the_navigation():
    class Loader(yaml.SafeLoader):
        pass

    nav = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader)["nav"]
    named = set(re.findall(r"[\w-]+\.md", str(nav)))
    from docs.tools.root_pages import PAGES

    assert named == {p.name for p in (ROOT / "docs").glob("*.md")} | set(PAGES.values())


def test_pictures_are_small_and_shown(pages):
    files = sorted(PICTURES.iterdir())
    shown = {link.rpartition("/")[2] for page in pages.values() for link in page.loads}
    assert files
    assert [p.name for p in files if p.stat().st_size > 150_000] == []
    assert [p.name for p in files if p.name not in shown] == []
