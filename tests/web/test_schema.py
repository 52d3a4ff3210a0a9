"""The schema, and a fuzz of the API from it: whatever is sent, the answer is a documented one."""

import re

import pytest
from fastapi.openapi.models import OpenAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceveil.web.errors import STATUS
from tests.web.conftest import client_of, picture

CLIENT = client_of()
SCHEMA = CLIENT.get("/openapi.json").json()
OPERATIONS = [(m, path) for path, item in SCHEMA["paths"].items() for m in item]
POSTS = [path for method, path in OPERATIONS if method == "post"]
JUNK = st.one_of(st.text(max_size=30), st.integers().map(str), st.floats().map(str))


def fields_of(path):
    body = SCHEMA["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    return body["properties"]


def values(field):
    """Good values of a field by its schema, as the text of a form; and bad ones."""
    kind = field["type"]
    if "enum" in field:
        good = st.sampled_from(field["enum"])
    elif kind == "boolean":
        good = st.sampled_from(["true", "false"])
    elif kind == "integer":
        good = st.integers(field["minimum"], field["maximum"]).map(str)
    elif kind == "number":
        good = st.floats(field["minimum"], field["maximum"]).map(str)
    elif "pattern" in field:
        good = st.from_regex(field["pattern"], fullmatch=True)
    else:
        good = st.text(max_size=40)
    return st.integers(0, 11).flatmap(lambda n: JUNK if n == 0 else good)


NO_OPERATIONS = {"not_found", "method", "slow", "crowded"}
"""Codes that no operation answers."""

PHOTOS = st.one_of(
    st.just(picture()),
    st.binary(max_size=80),
    st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=6)).map(
        lambda cut: picture()[: cut[0]] + cut[1] + picture()[cut[0] + len(cut[1]) :]
    ),
)


@st.composite
def forms(draw, path):
    fields = fields_of(path)
    files, data = [], {}
    for name, field in fields.items():
        if name in ("photo", "original", "protected"):
            count = draw(st.sampled_from([1, 1, 1, 1, 0, 2]))
            files += [(name, (draw(st.text(max_size=12)), draw(PHOTOS))) for _ in range(count)]
        elif draw(st.integers(0, 2)) == 0:
            data[name] = draw(values(field))
    if draw(st.integers(0, 9)) == 0:
        data[draw(st.text(min_size=1, max_size=12))] = draw(JUNK)
    return files, data


@pytest.mark.parametrize("path", POSTS)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(everything=st.data())
def test_whatever_is_sent(path, everything):
    files, data = everything.draw(forms(path))
    answer = CLIENT.post(path, files=files or [("none", b"")], data=data)
    documented = SCHEMA["paths"][path]["post"]["responses"]
    assert str(answer.status_code) in documented, answer.text
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        body = answer.json()
        assert set(body) == {"code", "message"}
        assert STATUS[body["code"]][0] == answer.status_code
        assert f"`{body['code']}`" in documented[str(answer.status_code)]["description"]
    else:
        kinds = documented["200"].get("content", {})
        assert answer.headers["content-type"].partition(";")[0] in kinds


@pytest.mark.parametrize("path", POSTS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(body=st.binary(max_size=200), kind=st.sampled_from(["x", "multipart/form-data; boundary=b"]))
def test_bodies_that_are_no_form(path, body, kind):
    answer = CLIENT.post(path, content=body, headers={"Content-Type": kind})
    assert 400 <= answer.status_code < 500
    assert set(answer.json()) == {"code", "message"}


def test_schema_is_valid_and_whole():
    OpenAPI.model_validate(SCHEMA)
    assert [path.removeprefix("/api/v1/") for _, path in OPERATIONS] == [
        "health", "models", "detect", "protect", "check",
    ]  # fmt: skip
    described = set(re.findall(r"`(\w+)`:", str(SCHEMA)))
    assert described == set(STATUS) - NO_OPERATIONS


def test_the_token_is_declared():
    (scheme,) = SCHEMA["components"]["securitySchemes"].items()
    assert (scheme[0], scheme[1]["type"], scheme[1]["scheme"]) == ("token", "http", "bearer")
    asking = {path for m, path in OPERATIONS if SCHEMA["paths"][path][m].get("security")}
    assert asking == {path for _, path in OPERATIONS} - {"/api/v1/health"}


def test_a_form_has_no_null():
    for path in POSTS:
        for field in fields_of(path).values():
            assert "anyOf" not in field
            assert field.get("default", 0) is not None


def test_reference_page_names_every_operation_and_field():
    page = CLIENT.get("/docs").text
    for method, path in OPERATIONS:
        assert f"<code>{method.upper()} {path}</code>" in page
    for path in POSTS:
        for name in fields_of(path):
            assert f"<code>{name}</code>" in page


def test_reference_page_escapes():
    from faceveil.web.reference import reference_page

    evil = "<script>alert(1)</script>"
    operation = {"summary": evil, "description": evil, "responses": {evil: {"description": evil}}}
    page = reference_page({"info": {"description": evil}, "paths": {"/x": {"get": operation}}})
    assert "<script>" not in page
