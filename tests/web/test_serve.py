"""The command: what it refuses, and a real server that stops in good order."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from faceveil.cli.main import main
from tests.web.conftest import picture


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "python_multipart"])
def test_missing_extra_is_one_line(module):
    run = f"import sys; sys.modules[{module!r}] = None; from faceveil.cli.main import main; "
    done = subprocess.run(
        [sys.executable, "-c", f"{run}sys.exit(main(['serve', '--port', '0']))"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"faceveil: serve: {module} is not installed; expected the extra: "
        'pip install "faceveil[web]"\n'
    )


def test_beyond_loopback_without_a_token(capsys):
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "token" in capsys.readouterr().err


def test_port_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_address_of_another_machine(capsys):
    assert main(["serve", "--host", "192.0.2.1", "--token", "x" * 20]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_key_that_is_none(tmp_path, capsys):
    (tmp_path / "key").write_bytes(bytes(32))
    assert main(["serve", "--port", "0", "--key", str(tmp_path / "key")]) == 2
    assert "--key: key: got 32 bytes" in capsys.readouterr().err


def test_a_real_server_starts_answers_and_stops(tmp_path):
    browser, opened, key = (tmp_path / name for name in ("browser", "opened", "key"))
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    command = [sys.executable, "-m", "faceveil", "serve", "--port", "0", "--token", "new"]
    server = subprocess.Popen(
        [*command, "--open", "--key", str(key)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**os.environ, "BROWSER": f"{browser} %s"},
    )
    try:
        url, _, token = server.stdout.readline().split()[-1].partition("#token=")
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert b"<h1>FaceVeil</h1>" in answer.read()
            assert answer.headers["server"] is None
        assert opened.read_text() == f"{url}#token={token}\n"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}api/v1/models", timeout=20)
        form = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="x"\r\n\r\n'
        headers = {
            "Content-Type": "multipart/form-data; boundary=b",
            "Authorization": f"Bearer {token}",
        }
        body = form + picture() + b"\r\n--b--\r\n"
        request = urllib.request.Request(f"{url}api/v1/detect", body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert b'"faces":[]' in answer.read()
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=20)
    finally:
        server.kill()
    assert server.returncode == 0
    assert out == ""
    assert err == "faceveil: stopped; detect answered 1\n"


def test_a_precision_that_is_not_there(capsys):
    argv = ["serve", "--port", "0", "--device", "cpu", "--precision", "bfloat16"]
    assert main(argv) == 2
    assert "which only OpenVINO computes in" in capsys.readouterr().err
