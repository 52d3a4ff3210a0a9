"""The options of a call, checked before any photo is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from faceveil.errors import OptionError
from faceveil.files.boxes import parse_json, photo_of
from faceveil.files.paths import shown
from faceveil.protect.given import GivenPhoto
from faceveil.protect.photo import PhotoOptions
from faceveil.systems.specs import DEFAULT
from faceveil.types import Target
from faceveil.web.errors import ApiError

M = TypeVar("M", bound=BaseModel)

MAX_BOXES = 1 << 17
"""Characters of the field ``boxes``: several hundred faces with their landmarks."""


class ProtectFields(BaseModel):
    """What is done to a photo; the same words as those of ``faceveil protect``."""

    model_config = ConfigDict(extra="forbid", str_max_length=1000)

    method: str = Field(default=DEFAULT, max_length=40, description="one of GET /api/v1/models")
    strength: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="0 nothing, 1 full change; left out, the method's own",
    )
    gender: Literal["auto", "female", "male"] = Field(
        default="auto", description="gender to start from; auto estimates it"
    )
    target: Target | None = Field(
        default=None, description="what faces should read as; left out, the method's own"
    )
    faces: str = Field(
        default="all",
        pattern=r"^(all|largest|[0-9]{1,4}(,[0-9]{1,4}){0,199})$",
        description="all, largest, or numbers from 0, left to right, as POST detect gives them",
    )
    doubtful: Literal["report", "protect", "fail"] = Field(
        default="report",
        description="places that may be faces: told and left, protected like faces, or an error",
    )
    boxes: str | None = Field(
        default=None,
        max_length=MAX_BOXES,
        description="faces in place of the detector's: JSON as POST detect answers, a list of "
        "[x0, y0, x1, y1], or for a zip an object of these by file name",
    )
    hide: str | None = Field(
        default=None,
        pattern=r"^(gender|age|race)(,(gender|age|race)){0,2}$",
        description="for methods that take it: some of gender, age, race",
    )
    stages: int | None = Field(
        default=None, ge=1, le=99, description="flowsan, ensemble: how many networks"
    )
    combine: Literal["avg", "gibbs"] | None = Field(
        default=None, description="ensemble: average the outputs, or draw one of them"
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        le=2**32 - 1,
        description="decides random choices in place of the server's key",
    )
    aligned: bool = Field(default=False, description="the photo is a square canonical face crop")
    keep_metadata: bool = Field(
        default=False, description="keep EXIF and XMP of camera, time, place"
    )
    check: bool = Field(default=False, description="answer json or zip: also say if it worked")
    answer: Literal["image", "json", "zip"] = Field(
        default="image", description="the picture, JSON with picture and faces, or a zip of many"
    )

    def photo_options(self, key: bytes = b"") -> PhotoOptions:
        """What the protector is told.

        Args:
            key: of the server, for random targets where the call brings no seed.
        """
        gender = None if self.gender == "auto" else self.gender
        return PhotoOptions(
            self.faces,
            gender,
            self.target,
            self.strength,
            self.seed,
            self.aligned,
            own=key if self.seed is None else b"",
            doubtful=self.doubtful,
        )

    def look_at_boxes(self, names: Sequence[str]) -> None:
        """See that each photo's boxes go to that photo, and to no other of the same call.

        Args:
            names: what the client called the photos.

        Raises:
            OptionError: if it cannot be told whose they are.
        """
        if self.boxes is None:
            return
        entry = parse_json(self.boxes)
        if not isinstance(entry, dict) or "faces" in entry:
            if len(names) > 1:
                raise OptionError(
                    f"boxes: of one photo, and the call has {len(names)}; expected an object of "
                    "them by file name"
                )
            return
        for name in entry:
            if (count := list(names).count(name)) != 1:
                raise OptionError(
                    f"boxes: {shown(name)!r:.90} is the name of {count or 'no'} "
                    f"photo{'s' if count else ''} of the call; expected that of one"
                )

    def given(self, name: str) -> GivenPhoto | None:
        """The faces that the client knows of the photo of that name; None where it states none.

        Raises:
            OptionError: if ``boxes`` is no JSON of that kind.
        """
        if self.boxes is None:
            return None
        entry = parse_json(self.boxes)
        if isinstance(entry, dict) and "faces" not in entry:
            if name not in entry:
                return None
            entry = entry[name]
        return photo_of(entry, "boxes")


class CheckFields(BaseModel):
    """What is known of a protected photo."""

    model_config = ConfigDict(extra="forbid", str_max_length=1000)

    target: Target | None = Field(
        default=None, description="what faces were to read as; left out, random by the key"
    )


class NoFields(BaseModel):
    """For calls that take files alone."""

    model_config = ConfigDict(extra="forbid")


def read_fields(model: type[M], fields: dict[str, str]) -> M:
    """The fields of a form as a model.

    Raises:
        ApiError: ``bad_option``, naming the first bad one.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        reason = str(first["msg"]).removeprefix("Input should be ")
        if first["type"] == "extra_forbidden":
            raise ApiError("bad_option", f"{name!r:.60}: no such option") from error
        raise ApiError(
            "bad_option", f"{name}: got {first['input']!r:.60}; expected {reason}"
        ) from error


def form_schema(model: type[BaseModel], files: dict[str, str], most: int = 1) -> dict[str, Any]:
    """For OpenAPI: a multipart body of these files, each up to ``most`` times, and the fields."""
    file: dict[str, Any] = {"type": "string", "format": "binary"}
    if most > 1:
        file = {"type": "array", "items": file, "minItems": 1, "maxItems": most}
    fields = {
        name: _without_null(field)
        for name, field in model.model_json_schema().get("properties", {}).items()
    }
    body = {
        "type": "object",
        "required": list(files),
        "additionalProperties": False,
        "properties": {name: {**file, "description": text} for name, text in files.items()}
        | fields,
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}}}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field in a form, which can be left out but cannot hold null."""
    plain = {key: value for key, value in field.items() if key != "anyOf"}
    for choice in field.get("anyOf", ()):
        if choice.get("type") != "null":
            plain |= choice
    if plain.get("default", "") is None:
        del plain["default"]
    return plain
