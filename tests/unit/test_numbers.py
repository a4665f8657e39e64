"""Numbers keep their exact value from text to text, typed or not."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from pgmqgen import Contract, InvalidMessage
from pgmqgen.runtime.formats import Date, DateTime, Time, Uuid
from pgmqgen.runtime.json_text import WIRE, dump_json, parse_json
from pgmqgen.runtime.number_types import DecimalNumber, Number

texts = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)  # fmt: skip


class _Order(BaseModel):
    model_config = ConfigDict(extra="allow")
    price: Number
    exact: DecimalNumber
    either: str | list[Number] | Number
    free: Any


ORDER = Contract[_Order](queue="q", schema={}, payload=_Order, fingerprint="f")


@given(texts)
def test_a_number_keeps_its_value_through_a_model(text: str) -> None:
    raw = '{"price":%s,"exact":%s,"either":[%s],"free":%s,"more":%s}' % ((text,) * 5)
    sent = parse_json(ORDER.encode(ORDER.decode(raw)))
    values = [sent["price"], sent["exact"], *sent["either"], sent["free"], sent["more"]]
    assert [Decimal(str(value)) for value in values] == [Decimal(text)] * 5


@given(texts, texts)
def test_a_bound_is_compared_exactly(text: str, bound: str) -> None:
    schema = {"maximum": parse_json(bound)}
    contract = Contract[Any](queue="q", schema=schema, payload=Any, fingerprint="f")
    try:
        contract.decode(text)
        accepted = True
    except InvalidMessage:
        accepted = False
    assert accepted == (Decimal(text) <= Decimal(bound))


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), Decimal("1e131072")])
def test_a_decimal_that_jsonb_cannot_hold_is_refused(number: Decimal) -> None:
    with pytest.raises(InvalidMessage):
        dump_json({"a": number})


_VALUES = (
    Decimal("1.23456789012345678901"),
    10**30,
    5,
    1.5,
    None,
    "2020-01-01T00:00:00.50Z",
    "2020-01-01",
    "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
)


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize(
    "kinds", list(permutations([Number, DecimalNumber, DateTime, Date, Time, Uuid, None], 2))
)
def test_a_branch_of_a_union_writes_only_what_is_of_its_type(kinds: Any, value: Any) -> None:
    adapter = TypeAdapter(kinds[0] | kinds[1])
    try:
        typed = adapter.validate_python(value)
    except ValidationError:
        return
    written = adapter.serializer.to_python(typed, mode=WIRE, warnings="error")
    assert written == value
    assert isinstance(written, str) == isinstance(value, str)
