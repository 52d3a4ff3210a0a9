"""What schemathesis sends: true and damaged photos where the schema asks for a file."""

from typing import Any

import schemathesis
from benchmarks.reliability.mutants import mutants
from benchmarks.reliability.pictures import encoded, portrait
from hypothesis import strategies as st

WHOLE = [encoded(portrait(160), kind) for kind in ("JPEG", "PNG", "WEBP")]
DAMAGED = [m.data for m in mutants(40, 1) if len(m.data) < 60_000]
schemathesis.openapi.format(
    "binary", st.one_of(st.sampled_from(WHOLE), st.sampled_from(DAMAGED), st.binary(max_size=200))
)


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """A form cannot hold an empty list or object: such a field would not be sent at all."""
    if not isinstance(body, dict):
        return True
    return all(value is not None and value != [] and value != {} for value in body.values())
