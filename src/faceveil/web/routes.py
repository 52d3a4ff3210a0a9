"""The REST API: /api/v1."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

from fastapi import APIRouter, Request, Response

from faceveil import __version__
from faceveil.errors import FaceVeilError
from faceveil.evaluation.check import PhotoCheck
from faceveil.files.boxes import face_values, photo_values
from faceveil.files.memory import memory_for
from faceveil.files.reports import face_to_dict
from faceveil.imaging.formats import READ
from faceveil.web.engine import Done, Engine
from faceveil.web.errors import ApiError, as_api_error, responses
from faceveil.web.form import Upload, read_form
from faceveil.web.methods import describe
from faceveil.web.names import MEDIA_TYPES, SUFFIXES, safe_name
from faceveil.web.options import (
    CheckFields,
    NoFields,
    ProtectFields,
    form_schema,
    read_fields,
)
from faceveil.web.pool import WorkPool
from faceveil.web.settings import Settings

ALWAYS = ("host", "internal")
POSTED = (
    *("bad_request", "token", "host", "origin", "too_large", "too_many_files", "not_a_form"),
    *("bad_photo", "bad_option", "busy", "internal", "model_missing", "time_limit"),
)
PICTURES: dict[str, Any] = {kind: {} for kind in MEDIA_TYPES.values()}


def build_router(settings: Settings, engine: Engine, pool: WorkPool) -> APIRouter:
    """The endpoints, on these models, threads and limits."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/health", summary="Is the server up?", responses=responses(*ALWAYS))
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @router.get("/models", summary="Methods and limits", responses=responses("token", *ALWAYS))
    async def models() -> dict[str, Any]:
        return describe(settings)

    @router.post(
        "/detect",
        summary="Where are faces?",
        description="Faces from left to right, and places that may be faces. Their numbers are "
        "what `faces` of protect takes, the whole answer is what `boxes` does.",
        openapi_extra=form_schema(NoFields, {"photo": READ}),
        responses=responses(*POSTED),
    )
    async def detect(request: Request) -> dict[str, Any]:
        async with pool.place():
            fields, files = await read_form(request, settings, {"photo": 1})
            read_fields(NoFields, fields)
            data = files["photo"][0].data
            size, sight = await pool.run(lambda: engine.detect(data))
        return photo_values(sight, size)

    @router.post(
        "/protect",
        summary="Protect photos",
        description="The protected photo in its own format. `answer=json`: picture (base64), faces "
        "and, with `check=true`, whether it worked. `answer=zip`: several fields `photo`, a zip "
        "with a report.",
        openapi_extra=form_schema(
            ProtectFields,
            {"photo": f"{READ}; several with answer=zip"},
            settings.max_files,
        ),
        response_class=Response,
        responses={
            200: {"content": {**PICTURES, "application/json": {}, "application/zip": {}}},
            **responses("no_face", "doubtful", *POSTED),
        },
    )
    async def protect(request: Request) -> Response:
        async with pool.place():
            fields, files = await read_form(request, settings, {"photo": settings.max_files})
            options = read_fields(ProtectFields, fields)
            photos = files["photo"]
            if options.answer == "zip":
                return await pool.run(lambda: zip_answer(engine, photos, options))
            if len(photos) > 1:
                raise ApiError("bad_option", "photo: several files; expected one, or answer=zip")
            return await pool.run(lambda: single_answer(engine, photos[0], options))

    @router.post(
        "/check",
        summary="Did it work?",
        description="Compares a photo with its protected copy of the same size.",
        openapi_extra=form_schema(
            CheckFields, {"original": "the photo", "protected": "its protected copy"}
        ),
        responses=responses(*POSTED),
    )
    async def check(request: Request) -> dict[str, Any]:
        async with pool.place():
            fields, files = await read_form(request, settings, {"original": 1, "protected": 1})
            known = read_fields(CheckFields, fields)
            before, after = files["original"][0].data, files["protected"][0].data
            result: PhotoCheck = await pool.run(lambda: engine.check(before, after, known.target))
        return result.to_dict()

    return router


def single_answer(engine: Engine, photo: Upload, options: ProtectFields) -> Response:
    """One photo: the picture itself, or JSON."""
    with memory_for(photo.data, max_pixels=engine.max_pixels):
        done = engine.protect(photo.data, options, photo.name)
    kind, picture = MEDIA_TYPES[done.format], done.picture
    if options.answer == "image":
        name = f"protected{SUFFIXES[done.format]}"
        disposition = f'attachment; filename="{name}"'
        return Response(picture, media_type=kind, headers={"Content-Disposition": disposition})
    body = {
        "media_type": kind,
        "image": base64.b64encode(picture).decode(),
        **_what_was_done(done),
    }
    return Response(json.dumps(body), media_type="application/json")


def zip_answer(engine: Engine, photos: list[Upload], options: ProtectFields) -> Response:
    """Many photos: those that could be protected, and a report on all, in the order they came."""
    engine.protector(options)  # what is wrong for all photos is no matter of one of them
    taken: set[str] = {"report.json"}
    report: list[dict[str, Any]] = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # photos are packed already
        for photo in photos:
            try:
                with memory_for(photo.data, max_pixels=engine.max_pixels):
                    done: Done = engine.protect(photo.data, options, photo.name)
            except FaceVeilError as error:
                problem = as_api_error(error)
                report.append({"name": None, "code": problem.code, "message": problem.message})
                continue
            name = safe_name(photo.name, SUFFIXES[done.format], taken)
            archive.writestr(name, done.picture)
            report.append({"name": name, "code": "ok", **_what_was_done(done)})
        archive.writestr("report.json", json.dumps({"files": report}, indent=1))
    disposition = 'attachment; filename="protected.zip"'
    return Response(
        buffer.getvalue(),
        media_type="application/zip",
        headers={"Content-Disposition": disposition},
    )


def _what_was_done(done: Done) -> dict[str, Any]:
    return {
        "faces": [face_to_dict(face) for face in done.faces],
        "left": [face_values(face) for face in done.chosen.left],
        "doubtful": [face_values(face) for face in done.chosen.doubtful],
        "check": None if done.check is None else done.check.to_dict(),
    }
