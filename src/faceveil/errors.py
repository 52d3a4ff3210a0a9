"""Errors that FaceVeil raises on purpose.

Every message is one line that says what was given, what was expected and what to do. Anything
else that escapes from the package is a bug.
"""

from __future__ import annotations


class FaceVeilError(Exception):
    """Base class of every error that FaceVeil raises on purpose."""


class OptionError(FaceVeilError, ValueError):
    """An argument or option has a value that cannot be used."""


class PhotoError(FaceVeilError):
    """A photo cannot be read: missing, empty, truncated, no image, too large, or animated."""


class ClipError(FaceVeilError):
    """A clip cannot be read or written: missing, empty, truncated, no clip, or of a rare kind."""


class OutputError(FaceVeilError):
    """A result cannot be written: no permission, full disk, or the file is already there."""


class ExistingOutputError(OutputError):
    """A result cannot be written because a file of that name is there and may not be replaced."""


class NoFaceError(FaceVeilError):
    """A photo shows no face where one is needed."""


class DoubtfulFaceError(FaceVeilError):
    """A photo has places that may be faces, where that is to be an error."""


class ModelError(FaceVeilError):
    """A model file is missing, damaged, or not what its card says."""


class MissingExtraError(FaceVeilError, ImportError):
    """A feature needs an optional extra that is not installed."""


def missing_extra(what: str, error: ImportError, extra: str) -> MissingExtraError:
    """The error for an import that failed: the package is absent, or there and does not load.

    The two need different answers: a pyarrow that was built for another numpy is not absent.

    Args:
        what: the feature, as the user knows it.
        error: what Python said.
        extra: which extra of FaceVeil holds the package.
    """
    name = error.name or "a package of it"
    if isinstance(error, ModuleNotFoundError):
        return MissingExtraError(
            f'{what}: {name} is not installed; expected the extra: pip install "faceveil[{extra}]"'
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [
        "no reason given"
    ]
    return MissingExtraError(
        f"{what}: {name} is installed but cannot be loaded ({lines[0]}); expected versions that "
        f'fit each other: pip install -U "faceveil[{extra}]"'
    )
