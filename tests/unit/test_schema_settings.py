"""The keys of `x-pgmq`: their checks, and the JSON Schema that editors get."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.queue import Backoff, QueueSettings, check_settings, make_settings

PUBLISHED = json.loads(files("pgmqgen.schema").joinpath("x-pgmq.schema.json").read_text())
KEYS = [*PUBLISHED["properties"], "weight", "visibilty_timeout"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 700),
    st.floats(-1, 4000).filter(lambda number: not number.is_integer()),  # 3.0 is whole to JSON
    st.sampled_from(["", "archive", "dead_letter", "delete", "standard", "fixed", "x"]),
    st.dictionaries(
        st.sampled_from(["kind", "initial", "factor", "max", "jitter", "x"]),
        st.one_of(st.integers(-1, 3), st.floats(-0.5, 2), st.sampled_from(["fixed", "linear"])),
    ),
)


def _problems(values: Any) -> list[tuple[tuple[str, ...], str, str, str | None]]:
    return [(found.path, found.kind, found.message, found.hint) for found in check_settings(values)]


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_the_published_schema_agrees(values: dict[str, Any]) -> None:
    assert jsonschema_rs.is_valid(PUBLISHED, values) == (not _problems(values))


def test_the_published_schema_has_every_key_and_default() -> None:
    properties = PUBLISHED["properties"]
    defaults = {
        field.name: getattr(QueueSettings(name="q"), field.name) for field in fields(QueueSettings)
    }
    assert properties.keys() - {"queue"} == defaults.keys() - {"name"}
    said = {key: value["default"] for key, value in properties.items() if "default" in value}
    assert said == {key: defaults[key] for key in said}
    backoff = {field.name: getattr(Backoff(), field.name) for field in fields(Backoff)}
    inner = properties["backoff"]["properties"]
    assert {key: value["default"] for key, value in inner.items()} == backoff


@pytest.mark.parametrize(
    ("values", "path", "kind", "message", "hint"),
    [
        (5, (), "wrong", "expected an object, got `5`", None),
        ({"max_attempt": 1}, ("max_attempt",), "unknown", "unknown key `max_attempt`", "did you mean `max_attempts`?"),
        ({"weight": 1}, ("weight",), "unsupported", "`weight` is not supported yet", "remove `weight`"),
        ({"max_attempts": "5"}, ("max_attempts",), "wrong", "`max_attempts`: expected a whole number of at least 1, got the text `5`", None),
        ({"timeout": True}, ("timeout",), "wrong", "`timeout`: expected a number above 0, got `true`", None),
        ({"on_failure": "dead-letter"}, ("on_failure",), "wrong", "`on_failure`: expected `dead_letter` or `archive`, got `dead-letter`", "did you mean `dead_letter`?"),
        ({"backoff": {"factr": 1}}, ("backoff", "factr"), "unknown", "unknown key `backoff.factr`", "did you mean `factor`?"),
        ({"backoff": {"jitter": 2}}, ("backoff", "jitter"), "wrong", "`backoff.jitter`: expected a number of at least 0 and at most 1, got `2`", None),
        ({"notify": None}, ("notify",), "wrong", "`notify`: expected `true` or `false`, got null", None),
    ],
)  # fmt: skip
def test_problems(
    values: Any, path: tuple[str, ...], kind: str, message: str, hint: str | None
) -> None:
    assert _problems(values) == [(path, kind, message, hint)]


def test_settings_are_made() -> None:
    settings = make_settings("q", {"queue": "q", "timeout": 5, "backoff": {"initial": 2}})
    assert settings == QueueSettings(name="q", timeout=5, backoff=Backoff(initial=2))
