"""Who may ask: host, origin, token; and the headers of every answer."""

import re

import pytest

from faceveil.errors import OptionError
from faceveil.web.guard import HEADERS
from faceveil.web.settings import Settings
from tests.web.conftest import BASE, client_of, code, post

TOKEN = "correct-horse-battery"
PAGES = ("/", "/docs", "/openapi.json", "/static/app.js", "/api/v1/health", "/nothing")


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_headers(client, path):
    answer = client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value]


def test_refusals_have_the_headers_too(client, photo):
    answers = [
        client.get("/", headers={"Host": "evil.example"}),
        post(client, "detect", {"photo": b""}),
        client.delete("/api/v1/protect"),
    ]
    for answer in answers:
        assert answer.status_code >= 400
        assert all(answer.headers[name] == value for name, value in HEADERS.items())


def test_policy_allows_nothing_inline_and_nothing_from_elsewhere(client):
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    for path in ("/", "/docs"):
        page = client.get(path).text
        assert "style=" not in page
        assert "<style" not in page
        assert not re.search(r"<[^>]+ on\w+=", page)
        assert page.count("<script") == page.count('<script type="module" src="/static/')
        assert "//" not in page.replace("http://127.0.0.1:8765/api", "")


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9000", "[::1]:1", "LOCALHOST"])
def test_own_names(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "[::1]evil.com",
        "[::1]:80.evil.com",
        "[::1].evil",
        "evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "",
        "localhost@evil:80",
        "0",
    ],
)
def test_foreign_names_are_refused(client, host):
    for path in ("/", "/api/v1/models"):
        assert code(client.get(path, headers={"Host": host})) == (403, "host")


@pytest.mark.parametrize("path", ["/api/v1/protect/", "/api/v1/models/", "/docs/"])
def test_no_redirect_to_plain_http(client, photo, path):
    for answer in (
        client.get(path, follow_redirects=False),
        client.post(path, files={"photo": ("x", photo)}, follow_redirects=False),
    ):
        assert code(answer) == (404, "not_found")
        assert "location" not in answer.headers


def test_a_proxys_name_needs_a_token():
    with pytest.raises(OptionError, match="allow-host"):
        Settings(allowed_hosts=("photos.example.org",))
    assert Settings(allowed_hosts=("photos.example.org",), token=TOKEN)


def test_host_beyond_loopback():
    client = client_of(Settings(host="0.0.0.0", token=TOKEN, allowed_hosts=("veil.lan:443",)))
    for host, status in (("192.168.1.5", 200), ("veil.lan", 200), ("evil.example", 403)):
        assert client.get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://[evil"},
        {"Origin": "file://127.0.0.1:8765"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": BASE, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_sites_cannot_post(client, photo, headers):
    files = {"photo": ("x", photo)}
    answer = client.post("/api/v1/protect", files=files, headers=headers)
    assert code(answer) == (403, "origin")


@pytest.mark.parametrize("headers", [{}, {"Origin": BASE, "Sec-Fetch-Site": "same-origin"}])
def test_own_page_and_programs_can_post(client, photo, headers):
    files = {"photo": ("x", photo)}
    assert client.post("/api/v1/detect", files=files, headers=headers).status_code == 200


def test_no_cross_origin_answers(client):
    asks = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/v1/protect", headers=asks)
    assert code(answer) == (403, "origin")
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "given", [None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer ü"]
)
def test_token_is_asked_for(given, photo):
    client = client_of(Settings(token=TOKEN))
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    for answer in (
        client.get("/api/v1/models", headers=headers),
        client.post("/api/v1/protect", files={"photo": ("x", photo)}, headers=headers),
        client.get("/api/v1/nothing", headers=headers),
    ):
        assert code(answer) == (401, "token")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_token_opens(photo):
    client = client_of(Settings(token=TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = client.post("/api/v1/detect", files={"photo": ("x", photo)}, headers=headers)
    assert answer.status_code == 200
    for path in ("/", "/api/v1/health"):  # nothing of the user's is there
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_beyond_loopback_only_with_a_token(host):
    with pytest.raises(OptionError, match="token"):
        Settings(host=host)
    assert Settings(host=host, token=TOKEN).token == TOKEN


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_none(host):
    assert Settings(host=host).token is None


@pytest.mark.parametrize("token", ["", "short", "a b c d e f g h i j", "x" * 15, "ü" * 20])
def test_weak_tokens(token):
    with pytest.raises(OptionError, match="token"):
        Settings(token=token)


@pytest.mark.parametrize(
    "bad", [{"port": -1}, {"port": 70000}, {"max_files": 0}, {"seconds": 0}, {"workers": 0}]
)
def test_bad_settings(bad):
    with pytest.raises(OptionError, match=next(iter(bad))):
        Settings(**bad)


def test_no_telemetry_whatever_the_environment_says(monkeypatch, caplog):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with client_of() as client:
        assert client.get("/api/v1/health").status_code == 200
    assert caplog.records == []  # it tried, and lacked an exporter
    if not hasattr(client.app, "_native_telemetry"):
        pytest.skip("this version of FastAPI has no telemetry")
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", object)  # another's, set up
    assert not client.app._native_telemetry.enabled()
