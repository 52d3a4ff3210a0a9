"""``faceveil serve``: the local web page and its API."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import socket
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.cli.device import add_arguments as add_device
from faceveil.errors import OptionError, missing_extra

if TYPE_CHECKING:
    from faceveil.protect.keys import Key


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "serve",
        help="open a page for the browser on this machine",
        description="Serve a page and a REST API on this machine. Nothing is stored and nothing "
        "leaves the machine. Needs the extra 'web'. Stop with Ctrl-C.",
    )
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    p.add_argument("--port", type=int, default=8765, help="0 takes a free one (default: 8765)")
    p.add_argument(
        "--token",
        help="what callers of the API must know; 'new' makes one; also from FACEVEIL_TOKEN, which "
        "other users of the machine do not see; required with a --host beyond this machine",
    )
    p.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name of this server, such as a reverse proxy's; may be repeated",
    )
    p.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="secret for random targets, as for protect (default: the file that FACEVEIL_KEY "
        "names, or one made for you on first use)",
    )
    p.add_argument("--open", action="store_true", help="open the page in the browser")
    p.add_argument("--max-mb", type=int, default=64, metavar="N", help="of one photo (default: 64)")
    p.add_argument(
        "--max-pixels",
        type=int,
        default=100_000_000,
        metavar="N",
        help="refuse larger photos (default: 100,000,000)",
    )
    p.add_argument("--max-files", type=int, default=50, metavar="N", help="in one call")
    p.add_argument(
        "--time-limit", type=float, default=120, metavar="S", help="seconds a call (default: 120)"
    )
    p.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="photos at the same time (default: auto)"
    )
    add_device(p)
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped; returns 0.

    Raises:
        MissingExtraError: if the extra ``web`` is not installed.
        OptionError: if the address or device cannot be had, or an option has a bad value.
    """
    try:
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401

        from faceveil import load_protector
        from faceveil.files.memory import hand_back_large_blocks
        from faceveil.imaging.decode import lift_pillow_limit
        from faceveil.inference.device import usable_cores
        from faceveil.web.app import create_app
        from faceveil.web.engine import Engine
        from faceveil.web.server import make_server
        from faceveil.web.settings import MIB, Settings, is_loopback
    except ImportError as error:
        raise missing_extra("serve", error, "web") from error
    a = arguments
    cores = usable_cores()
    token = a.token or os.environ.get("FACEVEIL_TOKEN") or None
    settings = Settings(
        host=a.host,
        port=a.port,
        token=secrets.token_urlsafe(24) if token == "new" else token,
        allowed_hosts=tuple(a.allow_host),
        max_photo_bytes=a.max_mb * MIB,
        max_request_bytes=max(2 * a.max_mb, 128) * MIB,
        max_pixels=a.max_pixels,
        max_files=a.max_files,
        seconds=a.time_limit,
        workers=a.jobs or min(cores, 4),
    )
    hand_back_large_blocks()
    lift_pillow_limit()
    listener = listen(settings.host, settings.port)
    load = partial(load_protector, device=a.device, precision=a.precision)
    key = _key(a.key)
    threads = max(1, cores // settings.workers)
    engine = Engine(settings.max_pixels, threads, load, key=key.secret)
    engine.warm()  # a missing model is said now, not at the first photo
    app = create_app(settings, engine)
    server = make_server(app)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{shown}:{listener.getsockname()[1]}/"
    url += f"#token={settings.token}" if settings.token else ""
    print(f"faceveil: {url}")
    if key.told:
        print(f"faceveil: {key.told}", file=sys.stderr)
    if not is_loopback(settings.host):
        print("faceveil: photos cross the network unencrypted; see docs/web.md", file=sys.stderr)
    sys.stdout.flush()
    if a.open and not webbrowser.open(url):  # the socket listens already
        print("faceveil: no browser found; open that address", file=sys.stderr)
    with contextlib.suppress(KeyboardInterrupt):  # raised again once all is in good order
        server.run(sockets=[listener])
    if not app.state.pool.idle:  # a thread cannot be stopped; it must not keep the process
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _key(path: Path | None) -> Key:
    """What draws random targets: the file, or this machine's own."""
    from faceveil.protect.keys import own_key, read_key

    try:
        return own_key() if path is None else read_key(path)
    except OptionError as error:
        raise error if path is None else OptionError(f"--key: {error}") from error


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address.

    Raises:
        OptionError: if the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(
            f"{host} port {port}: {reason.lower()}; expected an address of this machine and a "
            "free port; choose another --port"
        ) from error
