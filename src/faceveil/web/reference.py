"""The reference of the API as a page of its own: no script, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FaceVeil API</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/style.css">
</head>
<body class="reference">
<main>
<h1>FaceVeil API</h1>
<p>{description} The same as JSON: <a href="/openapi.json">openapi.json</a>.
<a href="/">Back to the page</a>.</p>
<pre>curl -F photo=@me.jpg -F strength=0.8 -o protected.jpg {server}/api/v1/protect</pre>
{operations}
</main>
</body>
</html>
"""


def reference_page(schema: dict[str, Any], server: str = "http://127.0.0.1:8765") -> str:
    """HTML for an OpenAPI schema.

    Args:
        schema: as served at ``/openapi.json``.
        server: where the example calls.
    """
    parts = [
        _operation(method.upper(), path, operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    ]
    return _PAGE.format(
        description=escape(schema["info"]["description"]),
        server=escape(server),
        operations="\n".join(parts),
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    fields = content.get("multipart/form-data", {}).get("schema", {}).get("properties", {})
    rows = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code></th><td>{escape(_kind(field))}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in fields.items()
    )
    answers = "".join(
        f"<tr><th scope=row>{escape(status)}</th><td colspan=2>"
        f"{_text(answer.get('description', ''))}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    form = f"<h3>Form fields</h3><div class=scroll><table>{rows}</table></div>" if rows else ""
    return (
        f"<section><h2><code>{method} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('summary', ''))} {_text(operation.get('description', ''))}</p>"
        f"{form}<h3>Answers</h3><div class=scroll><table>{answers}</table></div></section>"
    )


def _text(text: str) -> str:
    """Text with code between backticks, as OpenAPI has it."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _kind(field: dict[str, Any]) -> str:
    """A field's type in words, with its default."""
    if field.get("format") == "binary":
        return "file"
    if field["type"] == "array":
        return f"1 to {field['maxItems']} files"
    if "enum" in field:
        words = " | ".join(field["enum"])
    elif "minimum" in field:
        words = f"{field['type']} {field['minimum']} to {field['maximum']}"
    else:
        words = field["type"]
    return words + (f"; default {field['default']}" if "default" in field else "")
