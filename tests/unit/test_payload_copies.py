"""Copies of a payload, and pickles that went to another process, encode to the same JSON text."""

from __future__ import annotations

import copy
import importlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen import Contract
from pgmqgen.codegen.drafts import draft_models
from pgmqgen.codegen.models import make_models
from pgmqgen.numbers import write_json

MODULE = "models_to_copy"
FORMATS: dict[str, Any] = {
    form: {"type": "string", "format": form}
    for form in ("date-time", "date", "time", "uuid", "duration", "email", "uri")
}
LEAF = {
    **FORMATS,
    "number": {"type": "number"},
    "decimal": {"type": "number", "format": "decimal"},
    "integer": {"type": "integer"},
    "anything": True,
    "either": {"anyOf": [FORMATS["date"], FORMATS["time"], {"type": ["number", "null"]}]},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **LEAF,
        "kind": {"enum": ["a", 1, None]},
        "closed": {"type": "object", "properties": LEAF, "additionalProperties": False},
        "loose": {"properties": LEAF},
        "list": {"type": "array", "items": FORMATS["date-time"]},
        "map": {"type": "object", "additionalProperties": FORMATS["uuid"]},
        "tuple": {
            "type": "array",
            "prefixItems": [FORMATS["date"], LEAF["number"]],
            "items": False,
            "minItems": 2,
        },
        "child": {"$ref": "#"},
    },
}


def _texts(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=25) | st.integers()
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "date-time": st.datetimes().map(
        lambda moment: f"{moment.isoformat(timespec='microseconds')}789Z"
    )
    | _texts("2016-12-31T23:59:60Z", "0000-01-01t00:00:00+01:30", "2020-01-01T00:00:00Z"),
    "date": st.dates().map(str) | _texts("0000-02-29"),
    "time": st.times().map("{:%H:%M:%S.%f}000-02:00".format) | _texts("23:59:60Z", "10:00:00Z"),
    "uuid": st.uuids().map(str) | st.uuids().map(lambda uuid: str(uuid).upper()),
    "duration": _texts("P1DT1H", "PT90M"),
    "email": _texts("Ada@Example.COM"),
    "uri": _texts("HTTP://example.com", "http://example.com/%7e"),
    "number": NUMBERS,
    "decimal": NUMBERS,
    "integer": st.integers(),
}
VALUES |= {
    "anything": st.one_of(*VALUES.values()),
    "either": st.none() | st.one_of(*(VALUES[name] for name in ("date", "time", "number"))),
    "kind": st.sampled_from(["a", 1, None]),
}
LEAVES = st.fixed_dictionaries({}, optional={name: VALUES[name] for name in LEAF})
NOT_FIELDS = st.fixed_dictionaries({}, optional={"date_time": st.integers(), "": VALUES["date"]})
NESTED = {
    "kind": VALUES["kind"],
    "closed": LEAVES,
    "loose": LEAVES | st.integers() | VALUES["date"],
    "list": st.lists(VALUES["date-time"]),
    "map": st.dictionaries(st.text("abc"), VALUES["uuid"]),
    "tuple": st.tuples(VALUES["date"], NUMBERS),
}


def _merged(parts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


OBJECTS = st.tuples(LEAVES, NOT_FIELDS, st.fixed_dictionaries({}, optional=NESTED)).map(_merged)
PAYLOADS = st.recursive(
    OBJECTS,
    lambda children: st.tuples(OBJECTS, children).map(lambda two: {**two[0], "child": two[1]}),
)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract[Any]]:
    folder = tmp_path_factory.mktemp("models")
    (folder / f"{MODULE}.py").write_text(make_models(draft_models(SCHEMA, "Payload")).source)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        payload = importlib.import_module(MODULE).Payload
        yield Contract(queue="q", schema=SCHEMA, payload=payload, fingerprint="f")
        patch.delitem(sys.modules, MODULE)


@given(PAYLOADS)
def test_a_copy_encodes_to_the_same_text(contract: Contract[Any], value: Any) -> None:
    payload = contract.decode(write_json(value))
    copies = [
        payload,
        copy.copy(payload),
        copy.deepcopy(payload),
        payload.model_copy(),
        payload.model_copy(deep=True),
        contract.payload.model_validate(payload.model_copy(deep=True)),
        *(pickle.loads(pickle.dumps(payload, protocol)) for protocol in range(2, 6)),
        copy.deepcopy(pickle.loads(pickle.dumps(payload))),
    ]
    written = {contract.encode(each) for each in copies}
    assert len(written) == 1


_CHILD = f"""
import pickle, sys
from {MODULE} import Payload
from pgmqgen import Contract
contract = Contract(queue="q", schema=True, payload=Payload, fingerprint="f")
print(contract.encode(pickle.load(sys.stdin.buffer)).decode())
"""


def test_a_pickle_for_another_process_encodes_to_the_same_text(contract: Contract[Any]) -> None:
    members = {
        "date-time": "2016-12-31T23:59:60.123456789Z",
        "date": "0000-02-29",
        "time": "23:59:60.10Z",
        "uuid": "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
    }
    raw = json.dumps({**members, "closed": members, "loose": members, "child": members})
    raw = raw.replace("{", '{"number":0.1234567890123456789,"decimal":1.50,', 1)
    payload = contract.decode(raw)
    folder = Path(sys.modules[MODULE].__file__ or "").parent
    done = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=pickle.dumps(payload),
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == contract.encode(payload)
    assert done.stdout.count(b"23:59:60.10Z") == 4


def test_what_is_computed_from_a_value_is_a_value_of_its_own(contract: Contract[Any]) -> None:
    payload = contract.decode(
        '{"date-time":"2016-12-31T23:59:60Z","date":"0000-02-29","time":"23:59:60Z"}'
    )
    zone = ZoneInfo("Europe/Berlin")
    later = copy.deepcopy(payload.date_time.astimezone(zone) + timedelta(days=1))
    assert later == datetime(2017, 1, 1, 23, 59, 59, tzinfo=UTC)
    assert later.tzinfo is zone
    values = (later, payload.date.replace(day=1), payload.time.replace(hour=1))
    changed = contract.payload(date_time=values[0], date=values[1], time=values[2])
    assert values[1:] == (date(4, 2, 1), time(1, 59, 59, tzinfo=UTC))
    assert contract.encode(copy.deepcopy(changed)) == (
        b'{"date-time":"2017-01-02T00:59:59+01:00","date":"0004-02-01","time":"01:59:59Z"}'
    )


@pytest.mark.parametrize(
    ("form", "text", "shown"),
    [
        ("date-time", "2016-12-31T23:59:60Z", "datetime.datetime(2016, 12, 31, 23, 59, 59, "),
        ("date", "0000-02-29", "datetime.date(4, 2, 29)"),
        ("time", "23:59:60Z", "datetime.time(23, 59, 59, "),
        ("uuid", "A0B5F5D1-3C52-4F0E-9A55-6A7C0F3C2A10", "UUID('a0b5f5d1-"),
    ],
)
def test_a_payload_shows_no_private_names(
    contract: Contract[Any], form: str, text: str, shown: str
) -> None:
    payload = contract.decode(json.dumps({form: text}))
    assert f"{form.replace('-', '_')}={shown}" in repr(payload)
    assert "_Exact" not in repr(copy.deepcopy(payload))
