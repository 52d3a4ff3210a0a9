"""Nodes of a Ray cluster as ``ray start`` makes them, each in a session of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUICK = {  # a node that is gone is noticed within a second or two, not ten
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "300",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


class Cluster:
    """A head and more nodes on this machine, of one core each; a context.

    With a token it lies in their home's ``.ray/auth_token``, as on a user's machine.
    """

    def __init__(self, home: Path, token: str = "") -> None:
        self.nodes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        self.environment = {**kept, "HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0"}
        self.token = token
        if token:
            (home / ".ray").mkdir(parents=True)
            (home / ".ray/auth_token").write_text(token)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fv")  # sockets want a short path
        port = self.address.rpartition(":")[2]
        head = ["--head", f"--port={port}", "--include-dashboard=false"]
        try:
            self._start(*head, f"--temp-dir={self.folder.name}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def add(self):
        """Join one more node, and return its session."""
        return self._start(f"--address={self.address}")

    def _start(self, *how):
        log = Path(self.folder.name) / f"node{len(self.nodes)}.log"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *how]
        command += ["--num-cpus=1", "--object-store-memory=80000000"]
        # `ray start --address` shows no token unless told so, where --head finds one by itself.
        mode = {"RAY_AUTH_MODE": "token"} if self.token and self.nodes else {}
        with log.open("wb") as file:
            node = subprocess.Popen(
                command,
                env={**self.environment, **QUICK, **mode},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.nodes.append(node)
        for _ in range(600):
            if b"Ray runtime started" in log.read_bytes():
                return node.pid
            assert node.poll() is None, log.read_text()
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    def protect(self, *arguments, **variables):
        """Start ``faceveil protect`` on this cluster."""
        command = [sys.executable, "-m", "faceveil", "protect", *map(str, arguments)]
        command += ["--engine", "ray", "--address", self.address]
        environment = {**self.environment, **variables}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    def __exit__(self, *_):
        for node in reversed(self.nodes):
            kill(node.pid)
            node.wait()
        self.folder.cleanup()


def session(process):
    """The session of a process, which is its node; None if it has ended."""
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return None


def kill(node, number=signal.SIGKILL):
    """Send a signal to all processes of a node; its workers have process groups of their own."""
    for process in [int(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal()]:
        if session(process) == node:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
