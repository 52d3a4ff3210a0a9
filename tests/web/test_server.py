"""Real sockets: who keeps the server waiting, and answers that uvicorn gives by itself."""

import json
import socket
import threading
from contextlib import contextmanager

import pytest

from faceveil.web.app import create_app
from faceveil.web.guard import HEADERS
from faceveil.web.server import Connection, make_server
from faceveil.web.settings import Settings
from tests.web.conftest import fake_engine, picture
from tests.web.test_errors import SlowDetector

HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
FORM = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="x"\r\n\r\n'
PATIENCE = 60  # seconds until a test gives up; none of them waits for it


class Impatient(Connection):
    head_seconds = 0.2


class Narrow(Connection):
    most = 3


@contextmanager
def serving(connection=Connection, engine=None, settings=None):
    app = create_app(settings or Settings(), engine or fake_engine())
    server = make_server(app, connection)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield app, listener.getsockname()
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def call(address, data=b""):
    client = socket.create_connection(address, timeout=PATIENCE)
    client.sendall(data)
    return client


def everything(client):
    """All that comes until the server closes; nothing where it just hangs up."""
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def refused(answer):
    """Status and code of an error, which must have the headers and the shape of all others."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    sent = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert {name: sent.get(name.lower()) for name in HEADERS} == HEADERS
    assert sent["content-type"] == "application/json"
    assert set(json.loads(body)) == {"code", "message"}
    return int(lines[0].split()[1]), json.loads(body)["code"]


def first_line(client):
    return client.recv(65536).partition(b"\r\n")[0]


def test_a_head_that_does_not_end_is_refused():
    with serving(Impatient) as (_, address), call(address, HEALTH) as client:
        assert refused(everything(client)) == (408, "slow")


def test_a_head_that_does_not_end_after_a_first_answer():
    with serving(Impatient) as (_, address), call(address, HEALTH + b"\r\n") as client:
        assert first_line(client) == b"HTTP/1.1 200 OK"
        client.sendall(b"GET /")
        assert refused(everything(client)) == (408, "slow")


def test_who_says_nothing_is_cut_off():
    with serving(Impatient) as (_, address), call(address) as client:
        assert everything(client) == b""


def test_a_body_that_nobody_waits_for_has_an_end():
    endless = b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n"
    with serving(Impatient) as (_, address), call(address, endless) as client:
        assert b" 404 " in first_line(client)
        client.sendall(b"x")
        everything(client)  # returns: the server closes


def test_idle_connections_make_room():
    with serving(Narrow) as (_, address):
        idle = [call(address) for _ in range(10)]
        with call(address, HEALTH + b"\r\n") as client:
            assert first_line(client) == b"HTTP/1.1 200 OK"
        assert everything(idle[0]) == b""
        for client in idle:
            client.close()


def post(size, more=b""):
    head = b"POST /api/v1/detect HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    kind = b"Content-Type: multipart/form-data; boundary=b\r\n"
    return head + kind + b"Content-Length: %d\r\n\r\n" % size + more


def test_where_all_are_served_one_more_is_told_so():
    detector = SlowDetector()
    body = FORM + picture() + b"\r\n--b--\r\n"
    settings = Settings(workers=3)
    with serving(Narrow, fake_engine(detector=detector), settings) as (_, address):
        busy = [call(address, post(len(body), body)) for _ in range(3)]
        for _ in busy:
            assert detector.started.acquire(timeout=PATIENCE)
        with call(address, HEALTH + b"\r\n") as client:
            assert refused(everything(client)) == (503, "crowded")
        detector.go.set()
        assert [first_line(client) for client in busy] == [b"HTTP/1.1 200 OK"] * 3
        for client in busy:
            client.close()


@pytest.mark.parametrize(
    "rubbish", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", HEALTH + b"X: " + b"x" * 99_999]
)
def test_what_is_no_request(rubbish):
    with serving() as (_, address), call(address, rubbish) as client:
        assert refused(everything(client)) == (400, "bad_request")


def test_work_stops_when_its_client_is_gone():
    detector = SlowDetector()
    body = FORM + picture() + b"\r\n--b--\r\n"
    settings = Settings(workers=1, queue=1)
    with serving(engine=fake_engine(detector=detector), settings=settings) as (app, address):
        client = call(address, post(len(body), body))
        assert detector.started.acquire(timeout=PATIENCE)
        gone = call(address, post(len(body), body))  # waits behind it
        gone.close()
        client.close()
        waiting = threading.Event()
        for _ in range(PATIENCE * 20):  # until the server has noticed both
            if app.state.pool.inside == 0:
                break
            waiting.wait(0.05)
        assert app.state.pool.inside == 0
        detector.go.set()
        with call(address, post(len(body), body)) as other:
            assert first_line(other) == b"HTTP/1.1 200 OK"
        assert detector.started.acquire(timeout=PATIENCE)  # that one
        assert not detector.started.acquire(blocking=False)  # the one that waited never began
