"""A cluster that runs already, of two nodes: joined by its address, with and without a token."""

import json
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed: pip install 'faceveil[scale]'")

from faceveil.cli.main import main
from faceveil.errors import FaceVeilError, MissingExtraError
from faceveil.scale import cluster as module
from faceveil.scale import token
from faceveil.scale.token import token_variables, why
from tests.scale import inputs, nodes

METHOD = ("--method", "pixelate", "-q")


def written(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.png")}


def rows(output):
    return [json.loads(p.read_text()) for p in (output / "_faceveil/parts").glob("*.json")]


def test_a_node_is_lost_and_nothing_else(portrait, tmp_path):
    """Two nodes with a token; one of them, with its raylet and worker, is killed midway."""
    source, output, local = (tmp_path / name for name in ("in", "out", "local"))
    inputs.folder(source, portrait, 60)
    assert main(["protect", str(source), "-o", str(local), "--jobs", "1", *METHOD]) == 0
    with nodes.Cluster(tmp_path / "home", token="5e" * 32) as cluster:
        second = cluster.add()
        job = cluster.protect(source, "-o", output, "--part-size", 1, "--workers", 2, *METHOD)
        lost = None
        while lost is None and job.poll() is None:
            of = [r["process"] for r in rows(output)]
            lost = next((p for p in of if nodes.session(p) == second), None)
            time.sleep(0.01)
        nodes.kill(second)
        when = len(rows(output))
        _, errors = job.communicate(timeout=120)
    assert job.returncode == 0, errors
    assert lost is not None
    assert when < 60, "all was done before the node was lost"
    found = rows(output)
    assert sorted(r["first"] for r in found) == sorted(str(p) for p in written(source))
    assert sum(r["counts"]["protected"] for r in found) == 60
    assert len({r["process"] for r in found} - {lost}) >= 1
    assert written(output) == written(local)


def test_a_cluster_without_a_token(portrait, tmp_path):
    """It is joined only where the user says so; more workers are asked for than it has cores."""
    photos = [inputs.photo(portrait, i) for i in range(3)]
    source = inputs.parquet(tmp_path / "in/a.parquet", photos, groups=1)
    (tmp_path / "home").mkdir()
    with nodes.Cluster(tmp_path / "home") as cluster:
        more = (source, "-o", tmp_path / "out", "--part-size", 1, *METHOD)
        job = cluster.protect(*more, "--workers", 5)
        _, errors = job.communicate(timeout=120)
        assert job.returncode == 1
        assert "the cluster asks for no token" in errors
        assert rows(tmp_path / "out") == []
        job = cluster.protect(*more, "--workers", 5, RAY_AUTH_MODE="disabled")
        _, errors = job.communicate(timeout=120)
        assert (job.returncode, errors) == (0, "")
    assert [r["counts"]["protected"] for r in rows(tmp_path / "out")] == [1, 1, 1]
    assert not (tmp_path / "home/.ray").exists()


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("MODE", "TOKEN", "TOKEN_PATH"):
        monkeypatch.delenv(f"RAY_AUTH_{name}", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("asks", [True, False])
def test_which_token_is_shown(home, monkeypatch, asks):
    refused = "RPC error: InvalidAuthToken: Authentication token is missing" if asks else ""
    monkeypatch.setattr(token, "refusal_of", lambda address: refused)
    without = "asks for a token and none here fits" if asks else "asks for no token"
    with pytest.raises(FaceVeilError, match=without):
        token_variables("10.0.0.1:6379")
    (home / ".ray").mkdir()
    (home / ".ray/auth_token").write_text("ab" * 32)
    if asks:
        assert token_variables("10.0.0.1:6379") == {"RAY_AUTH_MODE": "token"}
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "elsewhere"))
    with pytest.raises(FaceVeilError, match=without):
        token_variables("10.0.0.1:6379")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "cd" * 32)
    if asks:
        assert token_variables("10.0.0.1:6379") == {"RAY_AUTH_MODE": "token"}
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert token_variables("10.0.0.1:6379") == {}


def test_a_ray_of_our_own_has_its_own_token(home, monkeypatch):
    own = token_variables(None)
    assert len(own.pop("RAY_AUTH_TOKEN")) == 64
    assert own == {"RAY_AUTH_MODE": "token"}
    monkeypatch.setenv("RAY_AUTH_TOKEN", "cd" * 32)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # never for a Ray of our own
    assert token_variables(None) == {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "cd" * 32}
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "code", "message"),
    [
        ("127.0.0.1:9", 1, "--address 127.0.0.1:9: no cluster to join (Connection refused)"),
        ("ray://127.0.0.1:9", 2, "expected HOST:PORT"),
        ("127.0.0.1", 2, "expected HOST:PORT"),
    ],
)
def test_no_cluster_is_one_line(home, capsys, portrait, address, code, message):
    inputs.folder(home / "in", portrait, 1)
    argv = ["protect", str(home / "in"), "-o", str(home / "out"), "--engine", "ray", *METHOD]
    assert main([*argv, "--address", address]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize("name", ["ray", "ray.data"])
def test_without_ray(home, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    if name == "ray":
        monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"expected.*: pip install .faceveil\[scale\]"):
        module.cluster(None, 1, 1).__enter__()


@pytest.mark.parametrize("found", ["2.40.0", "2.51.1", "1.13.0"])
def test_a_ray_without_tokens_is_refused(monkeypatch, found):
    """Before 2.52 whoever reached the machine ran programs as the user."""
    monkeypatch.setattr(module, "version", lambda _: found)
    with pytest.raises(MissingExtraError, match=rf"got Ray {found}.*expected 2\.52 or later"):
        module.cluster(None, 1, 1).__enter__()


@pytest.mark.parametrize("refusal", ["", "no answer in 60 s"])
def test_a_ray_of_our_own_that_asks_for_no_token_is_stopped(monkeypatch, refusal):
    monkeypatch.setattr(token, "refusal_of", lambda address: refusal)
    with pytest.raises(FaceVeilError, match="does not ask for its token"):
        token.require_token("127.0.0.1:1")
    monkeypatch.setattr(token, "refusal_of", lambda address: token._REFUSED)
    token.require_token("127.0.0.1:1")


def test_a_stranger_gets_no_answer_from_a_ray_of_our_own():
    """The real thing: it starts, and one who shows no token is refused."""
    import ray

    with module.cluster(None, 1, 1):
        address = ray.get_runtime_context().gcs_address
        assert "InvalidAuthToken" in token.refusal_of(address)


def test_why_a_cluster_does_not_answer():
    """What Ray 2.60 raises: the reason is the first of a chain."""
    last = ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379")
    last.__cause__ = RuntimeError("RPC error: InvalidAuthToken: Authentication token is missing")
    told = why(module._first_cause(last), "10.0.0.1:6379")
    assert "--address 10.0.0.1:6379: the cluster asks for a token" in told
    assert why("no space", None) == "Ray does not start: no space"
