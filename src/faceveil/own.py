"""The user's own code: found by ``module:name``, told apart by what it can do, made once."""

from __future__ import annotations

import importlib
import os
import sys
from operator import attrgetter
from typing import Any

from faceveil.errors import ModelError, OptionError

PROTECTS = ("name", "channels", "own_target", "needs_gender", "replaces_face", "runs_on", "protect")
"""What a :class:`faceveil.protect.base.CropProtector` has."""


def user_object(spec: str, what: str, expected: str) -> Any:
    """What ``module:name`` names, looked for in the current folder too.

    Args:
        spec: ``module:name``; the name may have dots.
        what: it is for, which begins the complaint: ``judge``, ``method``.
        expected: in place of it, which ends the complaint.

    Raises:
        OptionError: if there is none of that name.
        ModelError: if its module fails.
    """
    module, _, name = spec.partition(":")
    sys.path.insert(0, os.getcwd())  # the user's own code, as with python -m
    try:
        return attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise OptionError(f"{what} {spec}: {first_line(error)}; expected {expected}") from error
    except Exception as error:  # the user's module may throw anything
        raise ModelError(f"{what} {spec}: cannot be imported ({first_line(error)})") from error
    finally:
        sys.path.pop(0)


def can(thing: Any, *names: str) -> bool:
    """Whether an object, or a class whose objects, has one of these methods."""
    return any(callable(getattr(thing, name, None)) for name in names)


def made(thing: Any, name: str) -> Any:
    """The object itself, or one of a class, made without arguments.

    Raises:
        ModelError: if the class fails.
    """
    if not isinstance(thing, type):
        return thing
    try:
        return thing()
    except Exception as error:  # the user's code may throw anything
        raise ModelError(
            f"{name}: {thing.__name__}() failed ({first_line(error)}); give an object if making "
            "one takes arguments"
        ) from error


def first_line(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
