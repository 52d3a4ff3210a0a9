"""Addresses of object stores: what the user's environment adds to them, and what may be shown."""

from __future__ import annotations

import os
import posixpath
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from faceveil.errors import OptionError

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def complete(location: str) -> str:
    """The address that means the same on every machine: for ``s3://`` with endpoint and region.

    They are taken from ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``, ``AWS_REGION`` and
    ``AWS_DEFAULT_REGION`` where the address's query does not state them, in pyarrow's words.

    Args:
        location: a path, which is given back as it is, or an address.

    Raises:
        OptionError: if the address holds a password, or the endpoint is none.
    """
    if "://" not in location:
        return location
    parts = urlsplit(location)
    if parts.password is not None:
        raise OptionError(
            f"{parts.scheme}://...@{parts.hostname}: the address holds a password, which would be "
            "written into the output; expected it in the environment (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY, ...)"
        )
    if parts.scheme != "s3":
        return location
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint = _first(_ENDPOINTS)
    if endpoint and "endpoint_override" not in query:
        where = urlsplit(endpoint)
        if where.scheme not in ("http", "https") or not where.netloc or where.username:
            raise OptionError(
                f"AWS_ENDPOINT_URL: got {endpoint.rpartition('@')[2]!r}; expected http(s)://HOST:PORT"
            )
        query |= {"scheme": where.scheme, "endpoint_override": where.netloc}
    region = _first(_REGIONS)
    if region:
        query.setdefault("region", region)
    return urlunsplit(parts._replace(query=urlencode(query)))


def shown_address(location: str) -> str:
    """The address without its query, for messages and records; a path as it is."""
    return location.partition("?")[0] if "://" in location else location


def parent(location: str) -> str:
    """The folder that a file is in."""
    if "://" not in location:
        return posixpath.dirname(location) or "/"
    parts = urlsplit(location)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/").rpartition("/")[0]))


def _first(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
