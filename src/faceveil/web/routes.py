"""The REST API: /api/v1."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPBearer

from faceveil import __version__
from faceveil.evaluation.check import PhotoCheck
from faceveil.files.boxes import photo_values
from faceveil.imaging.formats import READ
from faceveil.web.answers import MEDIA_TYPES, single_answer, zip_answer
from faceveil.web.engine import Engine
from faceveil.web.errors import ApiError, responses
from faceveil.web.form import read_form
from faceveil.web.methods import describe
from faceveil.web.options import CheckFields, NoFields, ProtectFields, form_schema, read_fields
from faceveil.web.pool import WorkPool
from faceveil.web.settings import Settings

ALWAYS = ("host", "internal")
POSTED = (
    *("bad_request", "token", "host", "origin", "too_large", "too_many_files", "not_a_form"),
    *("bad_photo", "bad_option", "busy", "internal", "model_missing", "time_limit"),
)
TOKEN = Depends(
    HTTPBearer(
        auto_error=False,  # the guard has looked by then; this says so in the schema
        scheme_name="token",
        description="The token that `faceveil serve --token` was given; none where it was not.",
    )
)
PICTURES: dict[str, Any] = {kind: {} for kind in MEDIA_TYPES.values()}


def build_router(settings: Settings, engine: Engine, pool: WorkPool) -> APIRouter:
    """The endpoints, on these models, threads and limits."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/health", summary="Is the server up?", responses=responses(*ALWAYS))
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @router.get(
        "/models",
        summary="Methods and limits",
        dependencies=[TOKEN],
        responses=responses("token", *ALWAYS),
    )
    async def models() -> dict[str, Any]:
        return describe(settings)

    @router.post(
        "/detect",
        summary="Where are faces?",
        description="Faces from left to right, and places that may be faces. Their numbers are "
        "what `faces` of protect takes, the whole answer is what `boxes` does.",
        dependencies=[TOKEN],
        openapi_extra=form_schema(NoFields, {"photo": READ}),
        responses=responses(*POSTED),
    )
    async def detect(request: Request) -> dict[str, Any]:
        async with pool.place() as deadline:
            fields, files = await read_form(request, settings, {"photo": 1})
            read_fields(NoFields, fields)
            data = files["photo"][0].data
            size, sight = await pool.run(request, deadline, lambda: engine.detect(data, deadline))
        return photo_values(sight, size)

    @router.post(
        "/protect",
        summary="Protect photos",
        description="The protected photo in its own format. `answer=json`: picture (base64), faces "
        "and, with `check=true`, whether it worked. `answer=zip`: several fields `photo`, a zip "
        "with a report that names every photo, those that failed as well.",
        dependencies=[TOKEN],
        openapi_extra=form_schema(
            ProtectFields,
            {"photo": f"{READ}; several with answer=zip"},
            settings.max_files,
        ),
        response_class=Response,
        responses={
            200: {"content": {**PICTURES, "application/json": {}, "application/zip": {}}},
            **responses("no_face", "doubtful", "too_much", *POSTED),
        },
    )
    async def protect(request: Request) -> Response:
        async with pool.place() as deadline:
            fields, files = await read_form(request, settings, {"photo": settings.max_files})
            options = read_fields(ProtectFields, fields)
            photos = files["photo"]
            if options.answer == "zip":
                return await pool.run(
                    request, deadline, lambda: zip_answer(engine, photos, options, deadline)
                )
            if len(photos) > 1:
                raise ApiError("bad_option", "photo: several files; expected one, or answer=zip")
            return await pool.run(
                request, deadline, lambda: single_answer(engine, photos[0], options, deadline)
            )

    @router.post(
        "/check",
        summary="Did it work?",
        description="Compares a photo with its protected copy of the same size.",
        dependencies=[TOKEN],
        openapi_extra=form_schema(
            CheckFields, {"original": "the photo", "protected": "its protected copy"}
        ),
        responses=responses("too_much", *POSTED),
    )
    async def check(request: Request) -> dict[str, Any]:
        async with pool.place() as deadline:
            fields, files = await read_form(request, settings, {"original": 1, "protected": 1})
            known = read_fields(CheckFields, fields)
            before, after = files["original"][0].data, files["protected"][0].data
            result: PhotoCheck = await pool.run(
                request, deadline, lambda: engine.check(before, after, deadline, known.target)
            )
        return result.to_dict()

    return router
