"""Errors of the API: one JSON shape, ``{"code": ..., "message": ...}``."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from faceveil.errors import (
    DoubtfulFaceError,
    FaceVeilError,
    ModelError,
    NoFaceError,
    OptionError,
    PhotoError,
)

STATUS: dict[str, tuple[int, str]] = {
    "bad_request": (400, "the request is not a form, or is damaged"),
    "token": (401, "the token is missing or wrong"),
    "host": (403, "the Host header names another server"),
    "origin": (403, "the request comes from another site"),
    "not_found": (404, "there is nothing at that address"),
    "method": (405, "the address is there, but takes another method"),
    "slow": (408, "the head of the request did not come in time"),
    "too_large": (413, "a file, the request, or the number of pixels is over the limit"),
    "too_many_files": (413, "the request holds more files than allowed"),
    "not_a_form": (415, "the body is not multipart/form-data"),
    "bad_photo": (422, "a file is no photo that can be read"),
    "bad_option": (422, "an option has a value that cannot be used"),
    "no_face": (422, "no face was found in the photo"),
    "doubtful": (422, "places of the photo may be faces, and `doubtful=fail` was asked for"),
    "too_much": (422, "more faces than that method can do in one call"),
    "busy": (429, "too many requests wait already; try again after Retry-After seconds"),
    "internal": (500, "a bug; please report it"),
    "model_missing": (503, "a model of that method is not installed or is damaged"),
    "crowded": (503, "too many connections are open; try again after Retry-After seconds"),
    "time_limit": (504, "the request took longer than allowed"),
}
"""Every code with its HTTP status and what it means."""


class ErrorBody(BaseModel):
    """What every error answers."""

    code: str = Field(description="one of a fixed set, for programs", examples=["bad_photo"])
    message: str = Field(description="one line for people", examples=["not an image"])


class ApiError(Exception):
    """An error that the API answers with."""

    def __init__(
        self, code: str, message: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, meaning = STATUS[code]
        self.code, self.message = code, message or meaning
        self.headers = dict(headers or {})
        super().__init__(self.message)

    def response(self) -> JSONResponse:
        """The answer."""
        body = ErrorBody(code=self.code, message=self.message).model_dump()
        return JSONResponse(body, self.status, self.headers)


def as_api_error(error: FaceVeilError) -> ApiError:
    """What the API says for an error of the package."""
    message = str(error)
    if isinstance(error, NoFaceError):
        return ApiError("no_face", message)
    if isinstance(error, DoubtfulFaceError):
        return ApiError("doubtful", message)
    if isinstance(error, PhotoError):
        return ApiError("too_large" if message.startswith("too large") else "bad_photo", message)
    if isinstance(error, OptionError):
        return ApiError("bad_option", message)
    if isinstance(error, ModelError):  # its message names folders of this machine
        return ApiError("model_missing")
    return ApiError("internal")


def responses(*codes: str) -> dict[int | str, dict[str, object]]:
    """For FastAPI: the documented answers of these codes, by status."""
    found: dict[int | str, dict[str, object]] = {}
    for code in codes:
        status, meaning = STATUS[code]
        known = found.get(status)
        text = f"`{code}`: {meaning}"
        if known:
            text = f"{known['description']}; {text}"
        found[status] = {"model": ErrorBody, "description": text}
    return found
