"""What was found and done to each face, as columns; only where the user asks for them.

They say the gender that protection hides, so they do not belong into what is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from faceveil.files.reports import face_to_dict
from faceveil.scale.parts import Outcome
from faceveil.types import ProtectedFace

STATUS, FACES = "faceveil_status", "faceveil_faces"


def face_type() -> Any:
    """Arrow's type of the column of faces: the fields of the JSON report."""
    import pyarrow as pa

    number = pa.float32()
    fields = {
        "number": pa.int32(),
        "box": pa.list_(number),
        "landmarks": pa.list_(pa.list_(number)),
        "score": number,
        "gender": pa.string(),
        "gender_given": pa.bool_(),
        "p_male": number,
        "target": pa.string(),
        "mean_change": number,
    }
    return pa.list_(pa.struct(fields))


def face_rows(faces: Sequence[ProtectedFace]) -> list[dict[str, Any]]:
    """Faces as plain values."""
    return [face_to_dict(face) for face in faces]


def face_table(outcomes: Sequence[Outcome]) -> Any:
    """A table of ``record``, status and faces, a row for each record."""
    import pyarrow as pa

    columns = {
        "record": pa.array([o.record for o in outcomes], pa.string()),
        STATUS: pa.array([o.status for o in outcomes], pa.string()),
        FACES: pa.array([face_rows(o.result.faces) for o in outcomes], face_type()),
    }
    return pa.table(columns)
