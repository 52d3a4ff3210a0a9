"""What users see on stderr: lines of ours, and none of the C libraries that read their files."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_lines_only(wanted: bool = True) -> Iterator[None]:
    """Let what Python writes through to stderr, and drop what libraries write past it.

    libtiff, libpng and their like print on the process's stderr what is odd in a file, in words of
    their own and in the middle of our lines; each bad file has one clear line already.

    Args:
        wanted: where False, nothing is changed.
    """
    if not wanted or not _is_the_real_one():
        yield
        return
    # Not around each file: the list of filters is one for all threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # or Python prints its errors
    before, kept = sys.stderr, os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    before.flush()
    os.dup2(nowhere, 2)
    os.close(nowhere)
    with os.fdopen(kept, "w", encoding=before.encoding, errors=before.errors, buffering=1) as ours:
        sys.stderr = ours
        try:
            yield
        finally:
            sys.stderr = before
            ours.flush()
            os.dup2(ours.fileno(), 2)


def _is_the_real_one() -> bool:
    """Whether ``sys.stderr`` is the process's own, not a notebook's or a test's."""
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):  # none at all, or one without a number
        return False
