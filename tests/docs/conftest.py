"""The site, built once as `make docs` builds it, and its pages taken apart."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from tests.conftest import ROOT

pytest.importorskip("mkdocs", reason="mkdocs is not installed: the site is not built (extra: docs)")
pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed: the site is not built")

LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src"}
LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "prefetch", "manifest"}


@dataclass
class Page(HTMLParser):
    """What one page links to, loads, and shows in tables."""

    links: list = field(default_factory=list)
    loads: list = field(default_factory=list)
    ids: set = field(default_factory=set)
    tables: list = field(default_factory=list)
    text: str = ""

    def __post_init__(self):
        super().__init__()
        self.cell = None

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids |= {a[k] for k in ("id", "name") if a.get(k)}
        if tag == "a" and a.get("href"):
            self.links.append(a["href"])
        if a.get(LOADED.get(tag, "")):
            self.loads.append(a[LOADED[tag]])
        if tag == "link" and set(a.get("rel", "").split()) & LINKS:
            self.loads.append(a["href"])
        if tag == "table":
            self.tables.append([])
        if tag == "tr" and self.tables:
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.cell = ""

    def handle_data(self, data):
        self.text += data
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.cell is not None:
            self.tables[-1][-1].append(self.cell.strip())
            self.cell = None


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "SOURCE_DATE_EPOCH": "1577836800"},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def pages(site):
    """Its pages by path."""
    found = {}
    for path in site.rglob("*.html"):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        found[path] = page
    assert len(found) > 25
    return found
