"""The installed version; on its own, since asking for it takes 20 ms of a start."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("faceveil")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+unknown"
