"""The application: page, API and what guards them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from faceveil import __version__
from faceveil.errors import FaceVeilError
from faceveil.web.engine import Engine
from faceveil.web.errors import ApiError, as_api_error
from faceveil.web.guard import Guard
from faceveil.web.pool import WorkPool
from faceveil.web.reference import reference_page
from faceveil.web.routes import build_router
from faceveil.web.settings import Settings

SCRIPT = "text/javascript; charset=utf-8"
STATIC = {
    "/": ("web/static/index.html", "text/html; charset=utf-8"),
    "/static/style.css": ("web/static/style.css", "text/css; charset=utf-8"),
    **{
        f"/static/{name}.js": (f"web/static/{name}.js", SCRIPT)
        for name in ("app", "boxes", "intake", "places", "server", "viewer", "words", "zip")
    },
    "/static/icon.svg": ("web/static/icon.svg", "image/svg+xml"),
    "/static/sample.png": ("assets/astronaut.png", "image/png"),
}
"""Every file that is served, by its address: nothing else of the disk can be asked for."""

NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""Recent versions of FastAPI report calls where the environment says so; this must not."""


def create_app(settings: Settings | None = None, engine: Engine | None = None) -> FastAPI:
    """The ASGI application.

    Args:
        settings: limits, names and token; the defaults where None.
        engine: the models; the package's own where None.
    """
    settings = settings or Settings()
    engine = engine or Engine(settings.max_pixels)
    pool = WorkPool(settings.workers, settings.queue, settings.seconds)
    counts: Counter[str] = Counter()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        pool.stop()
        done = ", ".join(f"{what} {n}" for what, n in sorted(counts.items())) or "nothing asked"
        print(f"faceveil: stopped; {done}", file=sys.stderr)

    app = FastAPI(
        title="FaceVeil",
        version=__version__,
        description="Hide gender in face photos from software, keep the person recognisable.",
        docs_url=None,  # the page that FastAPI makes loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,  # behind TLS it would send clients to plain http
        telemetry=NO_TELEMETRY,  # type: ignore[arg-type,unused-ignore]
    )
    app.state.pool, app.state.counts = pool, counts
    app.add_middleware(Guard, settings=settings, counts=counts)
    app.include_router(build_router(settings, engine, pool))
    _add_errors(app)
    for address, (name, kind) in STATIC.items():
        app.get(address, include_in_schema=False)(_file(name, kind))

    @app.get("/docs", include_in_schema=False)
    async def reference() -> Response:
        return Response(reference_page(app.openapi()), media_type="text/html; charset=utf-8")

    return app


def _file(name: str, kind: str):  # type: ignore[no-untyped-def]
    data = (resources.files("faceveil") / name).read_bytes()

    async def serve() -> Response:
        return Response(data, media_type=kind)

    return serve


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def api_error(_: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(FaceVeilError)
    async def package_error(_: Request, error: FaceVeilError) -> Response:
        return as_api_error(error).response()

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method"}.get(error.status_code, "bad_request")
        return ApiError(code, headers=error.headers).response()
