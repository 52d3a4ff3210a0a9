"""Addresses of object stores, without one."""

from urllib.parse import parse_qs, urlsplit

import pytest

from faceveil.errors import OptionError
from faceveil.scale.address import complete, parent, shown_address


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("ENDPOINT_URL", "ENDPOINT_URL_S3", "REGION", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    return monkeypatch


def test_the_environment_goes_into_the_address(environment):
    for same in ("photos/a?b", "s3://bucket/in", "gs://bucket/in", "memory://in"):
        assert complete(same) == same
    environment.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    environment.setenv("AWS_ENDPOINT_URL", "https://store.example:9000")
    parts = urlsplit(complete("s3://bucket/in"))
    assert (parts.scheme, parts.netloc, parts.path) == ("s3", "bucket", "/in")
    assert parse_qs(parts.query) == {
        "region": ["eu-south-1"],
        "scheme": ["https"],
        "endpoint_override": ["store.example:9000"],
    }
    assert complete("gs://bucket/in") == "gs://bucket/in"
    assert complete(complete("s3://bucket/in")) == complete("s3://bucket/in")


def test_the_address_and_the_nearer_variable_come_first(environment):
    environment.setenv("AWS_ENDPOINT_URL", "https://all.example")
    environment.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example")
    environment.setenv("AWS_REGION", "near")
    environment.setenv("AWS_DEFAULT_REGION", "far")
    query = parse_qs(urlsplit(complete("s3://b")).query)
    assert (query["endpoint_override"], query["region"]) == (["s3.example"], ["near"])
    stated = "s3://b?endpoint_override=mine%3A1&scheme=http&region=mine"
    assert complete(stated) == stated


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://x", "http://", "http://id:word@x"])
def test_endpoints_that_are_none(environment, endpoint):
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(OptionError, match=r"expected http\(s\)://HOST:PORT") as raised:
        complete("s3://bucket/in")
    assert "word" not in str(raised.value)


def test_passwords_are_refused_and_not_repeated():
    for address in ("s3://id:word@bucket/in", "ftp://me:word@host/in"):
        with pytest.raises(OptionError, match="holds a password") as raised:
            complete(address)
        assert "word@" not in str(raised.value)


def test_parts_of_an_address():
    assert shown_address("s3://b/in?scheme=http") == "s3://b/in"
    assert shown_address("/photos/what?") == "/photos/what?"
    assert parent("s3://b/in/a.tar?scheme=http") == "s3://b/in?scheme=http"
    assert parent("s3://b/a.tar") == "s3://b"
    assert parent("memory://half/in.png") == "memory://half"
    assert (parent("/data/a.tar"), parent("/a.tar")) == ("/data", "/")
