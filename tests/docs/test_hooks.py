"""What the hooks make of Markdown and HTML."""

import pytest

pytest.importorskip("mkdocs", reason="mkdocs is not installed (extra: docs)")
pytest.importorskip("latex2mathml", reason="latex2mathml is not installed (extra: docs)")

from docs.tools.formulas import with_mathml
from docs.tools.roles import without_roles
from docs.tools.root_pages import rewritten


@pytest.mark.parametrize(
    ("link", "folder", "expected"),
    [
        ("[S](../SECURITY.md#models)", "docs", "[S](security.md#models)"),
        ("[S](docs/web.md)", ".", "[S](web.md)"),
        ("[t](TRAINING.md)", ".", "[t](training.md)"),
        ("[w](web.md#api)", "docs", "[w](web.md#api)"),
        ("[r](../recipes/san.toml)", "docs", "r (`recipes/san.toml`)"),
        ("[a](https://example.org/SECURITY.md)", "docs", "[a](https://example.org/SECURITY.md)"),
        ("[here](#models)", "docs", "[here](#models)"),
        ("![p](../docs/demo.jpg)", "docs", "![p](../docs/demo.jpg)"),
        ("```\n[S](../SECURITY.md)\n```\n", "docs", "```\n[S](../SECURITY.md)\n```\n"),
    ],
)
def test_links(link, folder, expected):
    assert rewritten(link, folder) == expected


def test_formulas():
    html = '<p><span class="arithmatex">\\(a &lt; b\\)</span></p>'
    html += '<div class="arithmatex">\\[\nx^2 \\tag{7}\n\\]</div>'
    done = with_mathml(html)
    assert "arithmatex" not in done
    assert "<mo>&#x0003C;</mo>" in done or "<mo>&lt;</mo>" in done
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in done
    assert '<span class="number">(7)</span>' in done
    assert "tag" not in done


def test_roles():
    html = "see :func:<code>faceveil.check</code>, :class:<code>~a.B</code>: <code>c</code>"
    plain = "see <code>faceveil.check</code>, <code>a.B</code>: <code>c</code>"
    assert without_roles(html) == plain
