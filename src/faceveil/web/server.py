"""The sockets: uvicorn, with an end for whoever holds a connection and asks nothing."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from faceveil.web.errors import ApiError
from faceveil.web.guard import HEADERS

JSON = ((b"content-type", b"application/json"), (b"connection", b"close"))


class Connection(H11Protocol):
    """A connection that is closed when its client keeps it waiting.

    uvicorn bounds only the pause after an answer. Here the head of each request must come in time,
    what is left of a body after its answer as well, and an answer must be taken in time. Where all
    places are taken, the one that has waited longest for a head makes room.
    """

    head_seconds: ClassVar[float] = 10.0
    """For a request's head, from the connection's start or the last answer on."""
    take_seconds: ClassVar[float] = 120.0
    """For the client to take what was written."""
    most: ClassVar[int] = 100
    """Connections open together."""

    _head_timer: asyncio.TimerHandle | None = None
    _take_timer: asyncio.TimerHandle | None = None
    _since = 0.0
    _began = False  # whether something of a head has come

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            waiting = [c for c in self.connections if isinstance(c, Connection) and c.waits]
            others = [c for c in waiting if c is not self]
            if others:
                min(others, key=lambda c: c._since).transport.abort()
            else:
                self.app = crowded
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It went."""
        self._stop_watching()
        self._stop_taking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """It said something."""
        super().data_received(data)
        self._began = self.waits and self.conn.their_state is h11.IDLE
        self._watch()

    def on_response_complete(self) -> None:
        """It has its answer."""
        self._began = False
        super().on_response_complete()
        self._watch()

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn, and nothing is being done for it."""
        if self.conn.our_state is h11.DONE:  # answered before the body was whole
            return self.conn.their_state is h11.SEND_BODY
        return self.conn.their_state is h11.IDLE

    def _watch(self) -> None:
        if not self.waits:
            self._stop_watching()
        elif self._head_timer is None and not self.transport.is_closing():
            self._since = self.loop.time()
            self._head_timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        if self._began and self.conn.our_state is h11.IDLE:
            self._refuse(ApiError("slow"))
        else:
            self.transport.abort()

    def pause_writing(self) -> None:
        """The client does not take what was written."""
        super().pause_writing()
        if self._take_timer is None:
            self._take_timer = self.loop.call_later(self.take_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It took it."""
        super().resume_writing()
        self._stop_taking()

    def _stop_taking(self) -> None:
        """Nothing is left to be taken."""
        if self._take_timer is not None:
            self._take_timer.cancel()
            self._take_timer = None

    def send_400_response(self, msg: str) -> None:
        """What came was no HTTP; uvicorn's own answer is plain text without our headers."""
        self._refuse(ApiError("bad_request", "not a request of HTTP"))

    def _refuse(self, error: ApiError) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # in the middle of an answer
            return
        body = bytes(error.response().body)
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        length = (b"content-length", str(len(body)).encode())
        for event in (
            h11.Response(status_code=error.status, headers=[*headers, *JSON, length]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


async def crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """What a connection too many is answered."""
    headers = {**HEADERS, "Retry-After": "2", "Connection": "close"}
    await ApiError("crowded", headers=headers).response()(scope, receive, send)


def make_server(app: ASGIApp, connection: type[Connection] = Connection) -> uvicorn.Server:
    """A server that says nothing of who called, and has an end for everything.

    Args:
        app: the application.
        connection: with other limits, for tests.
    """
    options: dict[str, Any] = {"http": connection, "ws": "none"}
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,  # addresses and times of calls are nobody's business
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=20,
        **options,
    )
    return uvicorn.Server(config)
