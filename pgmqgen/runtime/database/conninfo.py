"""What is wrong with a connection string, in words that do not repeat it: it holds a password."""

from __future__ import annotations

import re

_FORM = "expected postgresql://user:password@host:port/database"
_ESCAPE = "in user and password write `%40` for `@`, `%2F` for `/`, `%3A` for `:`, `%25` for `%`"
_URL = re.compile(r"postgres(?:ql)?://(?P<authority>[^/?]*)(?P<path>/[^?]*)?")
_DRIVER = re.compile(r"postgres(?:ql)?\+(\w+)://")
_UNKNOWN = re.compile(r'invalid (?:URI query parameter|connection option):? "(\w+)"')


def find_misread(conninfo: str) -> str | None:
    """Why a URL that can be parsed means something else; None if it does not.

    An `@` or `/` of a password makes a part of it the host or the database, which errors show.
    """
    if (url := _URL.match(conninfo)) is None:
        return None
    authority, path = url["authority"], url["path"] or ""
    begins_abstract_socket = "@@" in authority
    has_two = authority.count("@") > 1 and not begins_abstract_socket
    return _ESCAPE if has_two or ("@" in path and "@" not in authority) else None


def explain(conninfo: str, said: str) -> str:
    """What to do about a connection string that the driver refuses; said: its message."""
    if conninfo.strip(" \t\r\n'\"") != conninfo:
        return "drop the spaces or quotes around it"
    if driver := _DRIVER.match(conninfo):
        return f"drop `+{driver[1]}`: {_FORM}"
    if unknown := _UNKNOWN.search(said):
        return f"drop `{unknown[1]}`, which PostgreSQL's client library does not know"
    if "percent-encoded" in said:
        return _ESCAPE
    return _FORM
