"""What every request passes first: host, origin and token; and the headers of every answer."""

from __future__ import annotations

import hmac
import sys
import traceback
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faceveil.web.errors import ApiError
from faceveil.web.settings import Settings

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with every answer, errors included."""

API = "/api/"
OPEN = "/api/v1/health"
COUNTED = ("protect", "detect", "check")


class Guard:
    """ASGI middleware: refuses what must not come in, hides what must not get out.

    Args:
        app: the application.
        settings: host names and token.
        counts: gets how often each endpoint answered or refused, and nothing else.
    """

    def __init__(self, app: ASGIApp, settings: Settings, counts: Counter[str]) -> None:
        self.app, self.settings, self.counts = app, settings, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(HEADERS)
                self._count(scope["path"], message["status"])
            await send(message)

        try:
            check_request(scope["method"], scope["path"], Headers(scope=scope), self.settings)
            await self.app(scope, receive, send_guarded)
        except ApiError as error:
            await error.response()(scope, receive, send_guarded)
        except Exception as error:
            # Where it broke, but never the message: that may hold what the user sent.
            print(f"faceveil: unexpected {_where(error)}; please report it", file=sys.stderr)
            if not started:
                await ApiError("internal").response()(scope, receive, send_guarded)

    def _count(self, path: str, status: int) -> None:
        name = path.removeprefix("/api/v1/")
        if name in COUNTED and path != name:
            self.counts[f"{name} {'answered' if status < 400 else 'refused'}"] += 1


def check_request(method: str, path: str, headers: Headers, settings: Settings) -> None:
    """Refuse a request by its head.

    Raises:
        ApiError: ``host``, ``origin`` or ``token``.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not settings.knows_host(hosts[0]):
        raise ApiError("host")
    if method not in ("GET", "HEAD"):
        _check_origin(headers, hosts[0])
    if settings.token is not None and path.startswith(API) and path != OPEN:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), settings.token.encode())
        if scheme.lower() != "bearer" or not same:
            raise ApiError("token", headers={"WWW-Authenticate": "Bearer"})


def _check_origin(headers: Headers, host: str) -> None:
    """Browsers say where a request comes from; a program that says nothing is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise ApiError("origin")
    for origin in headers.getlist("origin"):
        try:
            parts: Any = urlsplit(origin)
        except ValueError:
            raise ApiError("origin") from None
        if parts.scheme not in ("http", "https") or parts.netloc.lower() != host.strip().lower():
            raise ApiError("origin")


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" at {last.filename.rpartition('/')[2]}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{place}"
